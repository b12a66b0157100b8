import type { BatchOutcome } from "./chain/types.ts";

/**
 * The door between the deterministic node (`node.ts`) and the world: what comes in, what goes out. The shell (`main.ts`)
 * and the simulator both speak it. Effects of one step are carried out in this order: every `persist`, then one
 * `fdatasync` for all of them, then the others as listed. A vote therefore never leaves before it is durable (rule 2).
 * If a write fails, no later effect of that step is carried out, and the node is rebuilt from its log before it goes on.
 */
export type NodeInput =
  | { readonly type: "peer-connected"; readonly peer: number }
  | { readonly type: "peer-disconnected"; readonly peer: number }
  /** One frame from a peer whose identity the transport has proved. */
  | { readonly type: "peer-frame"; readonly peer: number; readonly frame: Uint8Array }
  /** A client's signed batch; `request` is this process's number for the answer. */
  | { readonly type: "client-batch"; readonly request: number; readonly batch: Uint8Array }
  | { readonly type: "timer"; readonly timer: string }
  /** SIGTERM: take nothing new, tell the peers. */
  | { readonly type: "stop" };

/** The two streams on disk. Own votes live apart from blocks (rule 3). */
export type LogStream = "votes" | "blocks";

export type NodeEffect =
  | { readonly type: "persist"; readonly stream: LogStream; readonly record: Uint8Array }
  /**
   * Replaces the whole vote journal by these records, atomically: what was needed only by views long past goes. Ordered
   * like `persist`; where several steps share one sync, blocks become durable before a replacement, which rests on them.
   */
  | { readonly type: "replace-votes"; readonly records: readonly Uint8Array[] }
  | { readonly type: "send"; readonly peer: number; readonly frame: Uint8Array }
  | { readonly type: "broadcast"; readonly frame: Uint8Array }
  /** One timer per name; setting it again replaces it. */
  | { readonly type: "set-timer"; readonly timer: string; readonly afterMs: number }
  | { readonly type: "clear-timer"; readonly timer: string }
  | { readonly type: "answer"; readonly request: number; readonly answer: ClientAnswer }
  /** For metrics and logs; never for decisions. */
  | { readonly type: "report"; readonly event: NodeEvent };

export type ClientAnswer =
  /** Executed in a finalized block. */
  | { readonly type: "committed"; readonly height: number; readonly outcome: BatchOutcome }
  /** Not taken: nothing happened, the reason says what to change or when to retry. */
  | { readonly type: "refused"; readonly reason: string; readonly retryable: boolean };

export type NodeEvent =
  /** `hash` is the results hash after the block. */
  | { readonly type: "block-executed"; readonly height: number; readonly applied: number; readonly hash: string }
  | { readonly type: "view-entered"; readonly view: number }
  | { readonly type: "frame-dropped"; readonly peer: number; readonly reason: string }
  | { readonly type: "safety"; readonly kind: "fork" | "results-mismatch" | "equivocation"; readonly detail: string };

/** Time and chance of one step, handed in so that a seed replays it. */
export type StepContext = { readonly nowMs: number };

/** Finalized blocks on disk by height (from 1), as they were persisted: synchronous, for peers that catch up. */
export type BlockStore = { readonly readBlock: (height: number) => Uint8Array | undefined };

/** What a restart finds on disk, in the order it was written. */
export type Recovered = {
  readonly votes: readonly Uint8Array[];
  readonly blocks: readonly Uint8Array[];
  readonly votesIntact: boolean;
};
