import type { Hex } from "../../base/bytes.ts";
import { sha256Hex } from "../../codec/hash.ts";
import type { SafetyRules } from "../../consensus/rules.ts";

/** How far a search goes, and who is in the network that it explores. */
export type Bounds = {
  /** Of the first epoch. */
  readonly weights: readonly number[];
  /** The validator that may say anything at any time, or nothing; undefined: all are honest. */
  readonly byzantine: number | undefined;
  /** Nobody proposes, votes or gives up beyond this view of an epoch. */
  readonly views: number;
  /** With a second epoch the first block of the first closes it; the same validators go on with these weights. */
  readonly next?: { readonly weights: readonly number[]; readonly views: number };
  /** Crashes in a run, over all nodes: with the journal kept, and with it lost. */
  readonly crashes: { readonly kept: number; readonly lost: number };
  /**
   * Votes travel one by one and everybody counts for itself. Else only certificates travel, of any votes that were cast:
   * that is the stronger adversary and the smaller search, as a tally that is no quorum changes nothing that a node does.
   */
  readonly singleVotes: boolean;
  /** Whether blocks carry evidence of what the liar did; else all of it has counted already. */
  readonly evidence: boolean;
  /**
   * Whether all begin with a new key at the genesis; else with a final block and a journal in which nothing was voted. Not where
   * a journal is lost: in the first view of a network a node without one may vote, as that is how networks start (rule 3).
   */
  readonly genesis: boolean;
  /** Whether nodes also catch up by finalized records; else by the blocks and certificates that stay on offer. */
  readonly records: boolean;
};

/** What restarting does with the journal where it is kept; the broken ways are for the canaries. */
export type Restarts = "sound" | "forgets-votes" | "sends-before-sync";

export type Network = Bounds & {
  readonly chainId: Hex;
  readonly rules: SafetyRules;
  readonly restarts: Restarts;
  readonly honest: readonly number[];
  readonly resultsHash: (height: number) => Hex;
};

const text = new TextEncoder();

export const networkOf = (bounds: Bounds, rules: SafetyRules, restarts: Restarts = "sound"): Network => ({
  ...bounds,
  rules,
  restarts,
  chainId: sha256Hex(text.encode("model chain")),
  honest: bounds.weights.map((_, id) => id).filter((id) => id !== bounds.byzantine),
  resultsHash: (height) => height.toString(16).padStart(64, "0"),
});

export const epochsOf = ({ next }: Bounds): readonly number[] => (next === undefined ? [1] : [1, 2]);
export const weightsIn = ({ weights, next }: Bounds, epoch: number): readonly number[] =>
  epoch === 1 ? weights : (next?.weights ?? weights);
export const viewsIn = ({ views, next }: Bounds, epoch: number): number => (epoch === 1 ? views : (next?.views ?? 0));

/** With two epochs the first one is over with its first block; the second one has no end. */
export const closes = ({ next }: Bounds, epoch: number): boolean => next !== undefined && epoch === 1;

/** The checker's own thirds, in whole numbers: strictly more than two of three. */
export function isTwoThirds(weights: readonly number[], weight: number): boolean {
  let total = 0;
  for (const each of weights) total += each;
  return weight + weight + weight > total + total;
}
