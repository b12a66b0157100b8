import type { Hex } from "../base/bytes.ts";
import type { Nanos } from "../base/units.ts";
import type { SealedBlock } from "../codec/block.ts";
import type { BlockRecord } from "../codec/block-record.ts";
import type { Evidence } from "../codec/evidence.ts";
import type { PeerMessage } from "../codec/peer-message.ts";

/** What consensus wants done. `journal` records go to the `votes` stream, and are durable before any message leaves. */
export type Action =
  | { readonly type: "journal"; readonly record: Uint8Array }
  | { readonly type: "replace-journal"; readonly records: readonly Uint8Array[] }
  | { readonly type: "broadcast"; readonly message: PeerMessage }
  | { readonly type: "send"; readonly peer: number; readonly message: PeerMessage }
  /** In order of height, each the child of the one before; never a tail block. */
  | { readonly type: "finalized"; readonly record: BlockRecord }
  /**
   * The block handed out last closed this epoch. Consensus stands still until the node has executed it and calls
   * `beginEpoch`.
   */
  | { readonly type: "epoch-closed"; readonly epoch: number }
  | { readonly type: "view-entered"; readonly epoch: number; readonly view: number }
  | { readonly type: "safety"; readonly kind: "fork" | "results-mismatch" | "equivocation"; readonly detail: string };

/** Blocks from the child of the newest final block up to a parent, oldest first; no tail has to be looked into. */
export type Branch = readonly SealedBlock[];

/** Whether a block's payload may be voted for. */
export type PayloadJudgement = "valid" | "wait" | { readonly invalid: string };

/** What one step may look at besides the state, and where its actions go. */
export type Turn = {
  /** The node's own running clock: never goes back. */
  readonly nowMs: number;
  /** Nanoseconds since 1970 on the node's wall clock: only for block times. */
  readonly wallNs: bigint;
  readonly execution: {
    /** Of the newest executed block; it is final. */
    readonly height: () => number;
    /** Undefined where the height was not executed, or too long ago. */
    readonly resultsHash: (height: number) => Hex | undefined;
    /**
     * Whether a block of this epoch with this E and time must be the closing one, and the hash of the next epoch's set,
     * weights and parameters that it names then (rule 5). Asked only for an executed E.
     */
    readonly closing: (at: { executedHeight: number; time: Nanos }) => { readonly next: Hex } | undefined;
    /** Why this evidence can't count: counted already, a key that was not the validator's, a stake that has unbonded. */
    readonly evidenceFault: (evidence: Evidence) => string | undefined;
  };
  readonly payload: {
    /** Whether a lane has a tip here that the branch lacks. */
    readonly waits: (branch: Branch) => boolean;
    /** What this node proposes on the branch. `certifiedOnly`: only tips that a certificate proves available. */
    readonly take: (branch: Branch, options: { certifiedOnly: boolean }) => Uint8Array;
    /** Rules 7 and 8: form, tips beyond the branch's, batches held or certified. Never asked for a tail block. */
    readonly judge: (block: SealedBlock, branch: Branch) => PayloadJudgement;
    /** Whether everything that the block orders is in this node's log (rule 8). Never asked for a tail block. */
    readonly durable: (block: SealedBlock) => boolean;
  };
  readonly out: Action[];
};
