import type { GenesisFile } from "./api/contract.ts";
import type { Hex } from "./base/bytes.ts";
import type { Chain } from "./chain/chain.ts";
import type { KeyPair } from "./codec/signature.ts";
import type { ConsensusState } from "./consensus/state.ts";
import type { Timing } from "./consensus/timing.ts";
import type { Pool } from "./node-pool.ts";
import type { BlockStore } from "./ports.ts";
import type { CatchUp } from "./sync/catch-up.ts";

export type NodeConfig = {
  /** Validator id of this node, its peers' name for it. */
  readonly self: number;
  readonly keyPair: KeyPair;
  readonly genesis: GenesisFile;
  readonly timing: Timing;
  readonly blocks: BlockStore;
};

/** Requests of clients that wait for a block at the same time. */
export const WAITING_MAX = 65_536;

/** The whole of one node between two steps. Opaque to the shell: it is read through `viewOf` and `chainOf`. */
export type Node = {
  readonly config: NodeConfig;
  readonly chain: Chain;
  readonly consensus: ConsensusState;
  readonly catchUp: CatchUp;
  readonly pool: Pool;
  /** Requests that wait for a batch to be executed, by its id. */
  readonly waiting: Map<Hex, number[]>;
  waitingCount: number;
  stopping: boolean;
  /** Why this node has no vote; empty if it has one. */
  readonly noVote: string;
  /** A running clock from the wall clocks of the steps and the timers that fired: it never goes back. */
  readonly clock: { nowMs: number; wallMs: number };
  /** Timers that are set: the running time for which each is. */
  readonly timers: Map<string, number>;
  lastBlockAtMs: number;
  readonly safety: { fork: number; resultsMismatch: number; equivocation: number };
};
