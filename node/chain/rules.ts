import type { Ledger } from "../ledger/ledger.ts";
import { executeMint } from "./execute-mint.ts";
import { merkleRoot } from "./merkle.ts";
import { standingOf } from "./streams.ts";
import type { VoteCounts } from "./vote-counts.ts";

/**
 * The rules that every validator's weights and supply rest on, one function each. Production always runs `CHAIN_RULES`;
 * the simulator's canaries, and an image that is built for tests, break one at a time, to show that it would be seen.
 */
export type ChainRules = {
  /** Rule 6: a boundary measures the epoch before, of which nothing changes after E; never what is live. */
  readonly measured: (counts: readonly VoteCounts[], epoch: number) => VoteCounts | undefined;
  /** One mint per network and epoch, where it is due (domain.md, "Minting"). */
  readonly mint: typeof executeMint;
  /** What the results of a block's batches are hashed to (rule 9). */
  readonly resultsRoot: (leaves: readonly Uint8Array[]) => Uint8Array;
  /** A (key, stream, sequence) is taken once (domain.md, "Ledger"). */
  readonly standing: typeof standingOf;
  /** Rule 9: a snapshot brings back all that execution reads, the timers of pending transfers included. */
  readonly restored: (ledger: Ledger) => Ledger;
};

export const CHAIN_RULES: ChainRules = {
  measured: (counts, epoch) => counts.find((of) => of.epoch === epoch),
  mint: executeMint,
  resultsRoot: merkleRoot,
  standing: standingOf,
  restored: (ledger) => ledger,
};
