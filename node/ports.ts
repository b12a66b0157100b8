import type { BatchOutcome, TrustAnchor } from "./chain/types.ts";

/**
 * The door between the deterministic node (`node.ts`) and the world: what comes in, what goes out. The shell (`main.ts`)
 * and the simulator both speak it. Effects of one step are carried out in this order: every write (`persist`,
 * `replace-votes`) durable, then the others as listed; a step's later effects wait for its writes and for all steps
 * before it. A vote therefore never leaves before it is durable (rule 2).
 * If a write fails, no later effect of that step is carried out, and the node is rebuilt from its log before it goes on.
 */
export type NodeInput =
  | { readonly type: "peer-connected"; readonly peer: number }
  | { readonly type: "peer-disconnected"; readonly peer: number }
  /** One frame from a peer whose identity the transport has proved. The node may keep it: its bytes never change. */
  | { readonly type: "peer-frame"; readonly peer: number; readonly frame: Uint8Array }
  /** A client's signed batch; `request` is this process's number for the answer. */
  | { readonly type: "client-batch"; readonly request: number; readonly batch: Uint8Array }
  | { readonly type: "timer"; readonly timer: string }
  /** A snapshot that the node began or fetched is whole and durable under its name. */
  | { readonly type: "snapshot-written"; readonly height: number }
  /** The cal_engine service ticks: who of the members is there? `peers` are those connected that know the question. */
  | { readonly type: "probe"; readonly peers: readonly number[] }
  /** The mesh has compared a shard with a peer: whether what both should have ended equal (domain.md, "CAL", component 4). */
  | { readonly type: "mesh-exchange"; readonly peer: number; readonly equal: boolean }
  /** The operator vouches for a later closing block now. */
  | { readonly type: "trust"; readonly anchor: TrustAnchor | undefined }
  /** The mesh has entries that two replicas attest: a payload of type `anchors`, to be signed and ordered. */
  | { readonly type: "anchors"; readonly payload: Uint8Array }
  /** SIGTERM: take nothing new, tell the peers. */
  | { readonly type: "stop" };

/** The two streams on disk. Own votes live apart from everything else (rule 3). */
export type LogStream = "votes" | "log";

/** What the log holds: final blocks in order of height, and the cars of lanes, a car always before a block that commits it. */
export type LogEntry =
  | {
      readonly kind: "block";
      readonly height: number;
      /** Digests of the cars that it commits, in order of execution. */
      readonly cars: readonly string[];
      /** The encoded record: the block with the proof of its finality. */
      readonly bytes: Uint8Array;
    }
  | {
      readonly kind: "car";
      readonly digest: string;
      readonly validator: number;
      readonly incarnation: bigint;
      readonly number: number;
      /** The encoded car with its batches. */
      readonly bytes: Uint8Array;
    };

export type PersistEffect =
  | { readonly type: "persist"; readonly stream: "votes"; readonly record: Uint8Array }
  | { readonly type: "persist"; readonly stream: "log"; readonly entry: LogEntry }
  /**
   * Replaces the whole vote journal by these records, atomically: what was needed only by views long past goes. Ordered
   * like `persist`; where several steps share one sync, the log becomes durable before a replacement, which rests on it.
   */
  | { readonly type: "replace-votes"; readonly records: readonly Uint8Array[] };

export type NodeEffect =
  | PersistEffect
  /**
   * What execution made of a block beyond its bytes, for queries: never synced, rebuilt by replay. Taken with the writes of
   * its step, in order of height; height 0 is the genesis, and a height that is known already is ignored. `first` is the journal position of the block's first entry (from 1
   * through the whole chain, without gaps), `entries` their number.
   * `batches`, where they are at hand: those of the block, in order, so that an index need not read them back from the log.
   */
  | {
      readonly type: "executed";
      readonly height: number;
      readonly first: number;
      readonly entries: number;
      readonly note: Uint8Array;
      readonly batches?: readonly Uint8Array[];
    }
  /**
   * Begins a snapshot of the state after this block: storage pulls its parts between later steps, until there are no
   * more, makes them durable and renames them into place, then `snapshot-written` comes in. One at a time.
   */
  | {
      readonly type: "snapshot";
      readonly height: number;
      readonly blockHash: string;
      readonly next: () => Uint8Array | undefined;
    }
  /**
   * A part of a peer's snapshot, in order, to be written down as it comes. The first begins it, instead of one that is under
   * way; when the last is durable the file gets its name, then `snapshot-written` comes in. Part 0 may come again for another one.
   */
  | {
      readonly type: "snapshot-part";
      readonly height: number;
      readonly blockHash: string;
      readonly part: number;
      readonly last: boolean;
      readonly bytes: Uint8Array;
    }
  /** The whole snapshot of this height turned out to be of no use: a restart must not begin from it. */
  | { readonly type: "drop-snapshot"; readonly height: number }
  /** Parts of the log may go whose blocks are all below the height and whose cars are all committed below it, or neither committed nor named. */
  | { readonly type: "release"; readonly belowHeight: number; readonly keepCars: readonly string[] }
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
  /** A record of a batch has anchored this version of a memory entry. */
  | ({ readonly type: "anchored"; readonly digest: string; readonly author: string; readonly id: string } & {
      readonly height: number;
      readonly index: number;
      readonly batch: Uint8Array;
    })
  /** The closing block of the epoch before is executed; views count from 1 again. */
  | { readonly type: "epoch-began"; readonly epoch: number; readonly member: boolean }
  | { readonly type: "view-entered"; readonly view: number }
  | { readonly type: "frame-dropped"; readonly peer: number; readonly reason: string }
  | { readonly type: "safety"; readonly kind: "fork" | "results-mismatch" | "equivocation"; readonly detail: string };

/** Time and chance of one step, handed in so that a seed replays it. */
export type StepContext = { readonly nowMs: number };

/** The log as the node reads it back: synchronous, and what earlier steps persisted is there even before it is durable. */
export type BlockStore = {
  /** The record of a final block (heights from 1), as it was persisted. */
  readonly readBlock: (height: number) => Uint8Array | undefined;
  /** A car, as it was persisted. */
  readonly readCar: (digest: string) => Uint8Array | undefined;
  /** The oldest height that `readBlock` still has; 1 where nothing was released and before the first block. */
  readonly oldestHeight: () => number;
};

export type CarHead = {
  readonly digest: string;
  readonly validator: number;
  readonly incarnation: bigint;
  readonly number: number;
};

/** What a restart finds on disk, in the order it was written. */
export type Recovered = {
  readonly votes: readonly Uint8Array[];
  readonly votesIntact: boolean;
  /** The newest whole snapshot. */
  readonly snapshot?: {
    readonly height: number;
    readonly blockHash: string;
    readonly parts: Iterable<Uint8Array>;
  };
  /** Records from the snapshot's height + 1 on (from 1 without one), read as they are asked for. */
  readonly blocks: Iterable<Uint8Array>;
  /** Heads of all cars in the log. */
  readonly cars: readonly CarHead[];
};
