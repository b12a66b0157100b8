import type { Hex } from "../base/bytes.ts";
import type { BlockRecord } from "../codec/block-record.ts";
import type { PeerMessage } from "../codec/peer-message.ts";

/** What consensus wants done. `journal` records go to the `votes` stream, and are durable before any message leaves. */
export type Action =
  | { readonly type: "journal"; readonly record: Uint8Array }
  | { readonly type: "replace-journal"; readonly records: readonly Uint8Array[] }
  | { readonly type: "broadcast"; readonly message: PeerMessage }
  | { readonly type: "send"; readonly peer: number; readonly message: PeerMessage }
  /** In order of height, each the child of the one before. */
  | { readonly type: "finalized"; readonly record: BlockRecord }
  | { readonly type: "view-entered"; readonly view: number }
  | { readonly type: "safety"; readonly kind: "fork" | "results-mismatch" | "equivocation"; readonly detail: string };

/** What one step may look at besides the state, and where its actions go. */
export type Turn = {
  /** The node's own running clock: never goes back. */
  readonly nowMs: number;
  /** Nanoseconds since 1970 on the node's wall clock: only for block times. */
  readonly wallNs: bigint;
  readonly execution: {
    readonly height: () => number;
    /** Undefined where the height was not executed, or too long ago. */
    readonly resultsHash: (height: number) => Hex | undefined;
  };
  /** Batches that wait for a block, without those whose ids are given. */
  readonly payload: {
    readonly waits: (without: ReadonlySet<Hex>) => boolean;
    readonly take: (without: ReadonlySet<Hex>) => readonly Uint8Array[];
  };
  readonly out: Action[];
};
