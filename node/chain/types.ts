import type { Hex } from "../base/bytes.ts";
import type { Nanos } from "../base/units.ts";

/** A block as the chain executes it; consensus orders it by `hash` and does not look inside. */
export type Block = {
  readonly epoch: number;
  readonly view: number;
  readonly height: number;
  readonly parent: Hex;
  /** Id of the validator that proposed it. */
  readonly proposer: number;
  readonly time: Nanos;
  /** Newest finalized block that the proposer had executed (E of rule 6) and the results hash after it. */
  readonly executed: { readonly height: number; readonly resultsHash: Hex };
  /** Clients' signed batches, in the order of execution. */
  readonly batches: readonly Uint8Array[];
};

/** What became of one batch of a block. `refused` batches changed nothing. */
export type BatchOutcome =
  | { readonly refused: string }
  /** Per refused record its index and result code; a record that is not named was applied (or repeats one that was). */
  | { readonly failures: readonly { readonly index: number; readonly code: string }[]; readonly count: number };

export type BlockOutcome = {
  readonly height: number;
  readonly outcomes: readonly BatchOutcome[];
  /** H(resultsHash(height − 1), results root, checkpoint root or zeros). */
  readonly resultsHash: Hex;
  /** Set where this block is a checkpoint. */
  readonly stateRoot?: Hex;
  readonly applied: number;
  /** Journal entries of this block, by position, and what telling them takes beside the batches. */
  readonly journal: { readonly first: number; readonly count: number; readonly note: Uint8Array };
};
