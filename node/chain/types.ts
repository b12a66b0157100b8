import type { Hex } from "../base/bytes.ts";
import type { Nanos } from "../base/units.ts";

/** A committed or proposed place in a validator's lane of batches. */
export type LaneTip = {
  readonly validator: number;
  /** Which of the lanes that this validator opened one after the other. */
  readonly incarnation: bigint;
  /** Cars of this incarnation, from 1. */
  readonly number: number;
  readonly digest: Hex;
};

/** A notarize vote for an ancestor that a block carries (domain.md, "CAL"): consensus has verified it. */
export type CarriedVote = {
  /** 1 is the parent of the carrying block. */
  readonly depth: number;
  readonly signer: number;
  /** The voter's own results hash of E, where it differs from the committed one. */
  readonly executedHash?: Hex;
};

/** A proved offence (consensus.md, rule 1), as the chain counts it: consensus has verified both statements. */
export type Offence = {
  readonly validator: number;
  readonly epoch: number;
  readonly view: number;
  readonly kind: "notarize-twice" | "finalize-twice" | "finalize-and-nullify" | "propose-twice";
};

/** With the key that both statements are signed with: the chain knows whether it was the validator's. */
export type ProvedOffence = Offence & { readonly publicKey: Hex };

/** A finalized block as the chain executes it. What consensus proves of it is not checked again. */
export type ExecutableBlock = {
  readonly hash: Hex;
  readonly epoch: number;
  readonly view: number;
  /** Tail blocks are never executed (rule 5). */
  readonly kind: "normal" | "closing";
  readonly height: number;
  readonly parent: Hex;
  /** Id of the validator that proposed it. */
  readonly proposer: number;
  readonly time: Nanos;
  /** Newest finalized block that the proposer had executed (E of rule 6) and the results hash after it. */
  readonly executed: { readonly height: number; readonly resultsHash: Hex };
  /** Of a closing block: hash of the next epoch's set, weights and parameters; otherwise zeros. */
  readonly next: Hex;
  readonly votes: readonly CarriedVote[];
  readonly evidence: readonly ProvedOffence[];
  /** The lanes' places that this block commits, one per validator at most. */
  readonly tips: readonly LaneTip[];
  /** Clients' batches, in the order of execution. Each payload is the one that its header names: no car is taken with another. */
  readonly batches: readonly Uint8Array[];
};

/** One validator of an epoch's set with its frozen weight (rule 4). */
export type Member = { readonly id: number; readonly weight: number; readonly publicKey: Hex };

/** The epoch of the next block: after a closing block the new one. */
export type Epoch = {
  /** From 1. */
  readonly number: number;
  /** Time of the parent closing block; for epoch 1 that of block 1 (of genesis until it is executed). */
  readonly startTime: Nanos;
  /** A block whose time is at least this far behind the start may close the epoch. */
  readonly lengthNs: bigint;
  readonly firstHeight: number;
  /** By id ascending. */
  readonly members: readonly Member[];
  /** Hash that the closing block before it named: of set, weights and parameters. */
  readonly setHash: Hex;
};

/** What became of one batch of a block. `refused` batches changed nothing. */
export type BatchOutcome =
  | { readonly refused: string }
  /** Per refused record its index and result code; a record that is not named was applied (or repeats one that was). */
  | { readonly failures: readonly { readonly index: number; readonly code: string }[]; readonly count: number };

export type BlockOutcome = {
  readonly height: number;
  readonly outcomes: readonly BatchOutcome[];
  /** H(resultsHash(height − 1), results root, state root of the checkpoint before or zeros). */
  readonly resultsHash: Hex;
  /** Set where this block is a checkpoint: the state after it, which the next checkpoint's results hash takes in. */
  readonly stateRoot?: Hex;
  /** Transfers that moved or reserved something for the first time. */
  readonly applied: number;
  /** Journal entries of this block, by position, and what telling them takes beside the batches. */
  readonly journal: { readonly first: number; readonly count: number; readonly note: Uint8Array };
};

/** A closing block that is believed, and the hash of the set that it named: where a node may start that knows no later one (rule 10). */
export type TrustAnchor = {
  /** The epoch that the block began. */
  readonly epoch: number;
  readonly height: number;
  readonly blockHash: Hex;
  readonly setHash: Hex;
};
