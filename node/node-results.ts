import type { Hex } from "./base/bytes.ts";
import type { BatchOutcome } from "./chain/types.ts";

/** What became of the batches of the newest blocks, so that it can be proved once a later block names it (rule 6). */
export type RecentResults = {
  /** By height, ascending; blocks without a batch have none. */
  readonly blocks: Map<number, readonly Executed[]>;
  /** Of all that is kept. */
  weight: number;
};

/** A batch and what became of it, in the order of execution. */
export type Executed = { readonly batch: Hex; readonly outcome: BatchOutcome };

/** Blocks with batches that are kept: at the fastest pace, eight seconds of them. */
const BLOCKS_MAX = 1_024;
/** Batches and refused records that are kept. */
const WEIGHT_MAX = 1 << 16;

export const createResults = (): RecentResults => ({ blocks: new Map(), weight: 0 });

export function noteResults(results: RecentResults, height: number, executed: readonly Executed[]): void {
  if (executed.length === 0) return;
  results.blocks.set(height, executed);
  results.weight += weightOf(executed);
  for (const [oldest, dropped] of results.blocks) {
    // The newest block stays, however large it is.
    if ((results.blocks.size <= BLOCKS_MAX && results.weight <= WEIGHT_MAX) || oldest === height) return;
    results.blocks.delete(oldest);
    results.weight -= weightOf(dropped);
  }
}

const weightOf = (executed: readonly Executed[]): number =>
  executed.reduce((sum, { outcome }) => sum + 1 + ("failures" in outcome ? outcome.failures.length : 0), 0);
