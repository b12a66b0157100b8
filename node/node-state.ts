import type { GenesisFile } from "./api/contract.ts";
import type { Chain } from "./chain/chain.ts";
import type { TrustAnchor } from "./chain/types.ts";
import type { BlockRecord } from "./codec/block-record.ts";
import type { KeyPair } from "./codec/signature.ts";
import type { ConsensusState } from "./consensus/state.ts";
import type { Timing } from "./consensus/timing.ts";
import type { Turn } from "./consensus/turn.ts";
import type { LanePace } from "./lanes/pace.ts";
import type { Lanes, LaneTurn } from "./lanes/state.ts";
import type { Duties } from "./node-duties.ts";
import type { Observation } from "./node-observe.ts";
import type { RecentResults } from "./node-results.ts";
import type { SnapshotKeeper, SnapshotPolicy, Snapshots } from "./node-snapshot.ts";
import type { Waiting } from "./node-waiting.ts";
import type { BlockStore, NodeEffect, StepContext } from "./ports.ts";
import type { CatchUp } from "./sync/catch-up.ts";
import type { Serving } from "./sync/serving.ts";
import type { SnapshotSync } from "./sync/snapshot-sync.ts";

export type NodeConfig = {
  /** Validator id of this node, its peers' name for it. */
  readonly self: number;
  readonly keyPair: KeyPair;
  readonly genesis: GenesisFile;
  readonly timing: Timing;
  readonly lanes: LanePace;
  readonly blocks: BlockStore;
  /** How the chain's state becomes parts of a snapshot and comes back; without it the log is kept for ever. */
  readonly snapshots?: Snapshots;
  readonly snapshotPolicy?: SnapshotPolicy;
  /** For tests: the state version that another release would run up to. */
  readonly stateVersionMax?: number;
  /** The parts of the state that a genesis with `restoredFrom` begins with. */
  readonly restored?: Iterable<Uint8Array>;
  /** What the operator vouches for, so that a node which is far behind need not start at the genesis. */
  readonly trust?: TrustAnchor;
};

/** The whole of one node between two steps. Opaque to the shell: it is read through `viewOf` and `chainOf`. */
export type Node = {
  readonly config: NodeConfig;
  chain: Chain;
  consensus: ConsensusState;
  lanes: Lanes;
  readonly catchUp: CatchUp;
  readonly snapshotSync: SnapshotSync;
  readonly snapshotKeeper: SnapshotKeeper;
  /** What each peer was served of late. */
  readonly serving: Serving;
  /** What observers were served, all of them together. */
  readonly observersServing: Serving;
  readonly duties: Duties;
  readonly results: RecentResults;
  readonly observation: Observation;
  /** Validators alone: observers are told and answered, and never asked. */
  readonly connected: Set<number>;
  /** What the operator vouches for now. */
  trust: TrustAnchor | undefined;
  /** Final blocks in order of height that wait for a car. */
  readonly unexecuted: BlockRecord[];
  /** Up to this height the lanes know what final blocks have ordered. */
  orderedHeight: number;
  readonly waiting: Waiting;
  stopping: boolean;
  /**
   * Why this release can execute no further block: the network runs a later state version. It then only serves what it has, to
   * clients and peers.
   */
  halted: string | undefined;
  /** Since its state came from a peer, no final block has confirmed it yet: until then it neither votes nor answers clients. */
  unproved: boolean;
  /** A running clock from the wall clocks of the steps and the timers that fired: it never goes back. */
  readonly clock: { nowMs: number; wallMs: number };
  /** Timers that are set: the running time for which each is. */
  readonly timers: Map<string, number>;
  lastBlockAtMs: number;
  readonly safety: { fork: number; resultsMismatch: number; equivocation: number };
};

/** One step: what consensus and the lanes may look at, and where effects go. */
export type Step = {
  readonly context: StepContext;
  readonly effects: NodeEffect[];
  readonly turn: Turn;
  readonly laneTurn: LaneTurn;
};
