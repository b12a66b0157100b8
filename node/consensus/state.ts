import { assert } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import type { Nanos } from "../base/units.ts";
import type { SealedBlock } from "../codec/block.ts";
import type {
  Certificate,
  Committee,
  Finalization,
  Notarization,
  Nullification,
  Verify,
} from "../codec/certificate.ts";
import type { Ballot } from "../codec/vote.ts";
import { leaderList } from "./leaders.ts";
import type { OwnVotes, SafetyRules } from "./rules.ts";
import type { Timing } from "./timing.ts";

/**
 * Simplex (Chan and Pass 2023, eprint 2023/463), weighted. One epoch for now: its number is in every vote and proposal,
 * changing it comes with the issue "Epochs". Blocks carry the clients' batches in full; data lanes come with the issue
 * "Lanes", and then a block carries lane tips only. Consensus never looks into a batch either way.
 */
export type ConsensusConfig = {
  /** This validator's id, or undefined for one who has no vote. */
  readonly self: number | undefined;
  readonly chainId: Hex;
  readonly epoch: number;
  readonly committee: Committee;
  readonly timing: Timing;
  readonly rules: SafetyRules;
  readonly compactEveryBlocks: number;
  readonly crypto: { readonly sign: (message: Uint8Array) => Uint8Array; readonly verify: Verify };
};

/** What consensus must know of a block to build on it. */
export type Tip = {
  readonly hash: Hex;
  readonly height: number;
  readonly view: number;
  readonly time: Nanos;
  readonly executed: { readonly height: number };
};

/** What one signer said in a view first: the encoded ballot of each kind, and the blocks named. */
export type Heard = {
  notarize?: string;
  nullify?: string;
  finalize?: string;
  notarizeBlock?: Hex;
  finalizeBlock?: Hex;
};

export type Tally = { readonly ballot: Ballot; readonly signatures: Map<number, Uint8Array> };

/** One view above the newest final one. */
export type View = {
  readonly number: number;
  /** The leader's first proposal; a second one is evidence and is not kept. */
  proposal?: { readonly block: SealedBlock; readonly signature: Uint8Array };
  /** The proposal breaks a rule that no waiting mends. */
  proposalRefused: boolean;
  /** Votes by what they say (encoded ballot). */
  readonly tallies: Map<Hex, Tally>;
  readonly heard: Map<number, Heard>;
  readonly accused: Set<string>;
  notarization?: Notarization;
  nullification?: Nullification;
  readonly own: OwnVotes;
  /** Given up at once, because its leader is away: such a view doubles no timer. */
  skipped: boolean;
};

export type ConsensusState = {
  readonly config: ConsensusConfig;
  readonly leaders: readonly number[];
  /** Whether this node may vote: a member whose journal is whole (rule 3). */
  voting: boolean;
  /** Two quorums contradicted each other: this node votes no more and says so. */
  forked: boolean;
  /** A stopping node leads no more. */
  stopping: boolean;
  view: number;
  /** Newest final block that is here with all its ancestors. */
  tip: Tip;
  /** Newest finality that was proved; its block may still be missing here. */
  finality?: Finalization;
  readonly views: Map<number, View>;
  /** Blocks above the tip, by hash. */
  readonly blocks: Map<Hex, SealedBlock>;
  /** Which of them the journal holds. */
  readonly journaled: Set<Hex>;
  /** Hashes of recent final blocks, to see a fork. */
  readonly finalHashes: Map<number, Hex>;
  /** Certificate that let this node into its view. */
  entry?: Certificate;
  /** All times on the node's own running clock, in milliseconds. */
  enteredAtMs: number;
  /** When this view first held something to order. */
  orderSinceMs: number | undefined;
  lastProposalAtMs: number;
  repeatedAtMs: number;
  nullifiedInRow: number;
  /** The view in which a verified message of each member last came. */
  readonly heardInView: Map<number, number>;
  readonly stoppingUntilMs: Map<number, number>;
  blocksSinceCompaction: number;
  /** Batches that blocks between the tip and `parent` hold already. */
  included: { readonly parent: Hex; readonly tip: Hex; readonly ids: ReadonlySet<Hex> };
};

export function createState(
  config: ConsensusConfig,
  { tip, finality, voting, nowMs }: { tip: Tip; finality?: Finalization; voting: boolean; nowMs: number },
): ConsensusState {
  const view = (finality?.ballot.view ?? 0) + 1;
  return {
    config,
    leaders: leaderList(config.committee),
    voting,
    forked: false,
    stopping: false,
    view,
    tip,
    ...(finality === undefined ? {} : { finality, entry: finality }),
    views: new Map(),
    blocks: new Map(),
    journaled: new Set(),
    finalHashes: new Map([[tip.height, tip.hash]]),
    enteredAtMs: nowMs,
    orderSinceMs: undefined,
    lastProposalAtMs: Number.NEGATIVE_INFINITY,
    repeatedAtMs: nowMs,
    nullifiedInRow: 0,
    heardInView: new Map(config.committee.members.map(({ id }) => [id, view])),
    stoppingUntilMs: new Map(),
    blocksSinceCompaction: 0,
    included: { parent: tip.hash, tip: tip.hash, ids: new Set() },
  };
}

/** Views up to this one are decided: nothing is voted or kept for them. */
export const decidedView = (state: ConsensusState): number =>
  Math.max(state.tip.view, state.finality?.ballot.view ?? 0);

/** The record of a view that is not decided yet. */
export function viewOf(state: ConsensusState, number: number): View {
  assert(number > decidedView(state), "a decided view has no record");
  const known = state.views.get(number);
  if (known !== undefined) return known;
  const fresh: View = {
    number,
    proposalRefused: false,
    tallies: new Map(),
    heard: new Map(),
    accused: new Set(),
    own: {},
    skipped: false,
  };
  state.views.set(number, fresh);
  return fresh;
}

export const tipOf = ({ hash, height, view, time, executed }: SealedBlock): Tip => ({
  hash,
  height,
  view,
  time,
  executed,
});
