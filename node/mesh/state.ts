import type { Hex } from "../base/bytes.ts";
import type { Random } from "../base/random.ts";
import type { Result } from "../base/result.ts";
import type { Millis } from "../base/units.ts";
import type { HybridTime } from "../codec/hybrid-clock.ts";
import type { EntryKey, MemoryEntry } from "../codec/memory-entry.ts";
import type { AttestMessage, SignalMessage } from "../codec/mesh-message.ts";
import type { AnchorNote, MeshRecord } from "../codec/mesh-record.ts";
import type { ScoreOf } from "./evict.ts";
import type { MeshLimits } from "./limits.ts";
import { MESH_RULES } from "./rules.ts";
import { createStore, type Store } from "./store.ts";

export type MeshConfig = { readonly self: number; readonly chainId: Hex; readonly limits: MeshLimits };

/** Time, chance and measurements of one step, handed in by the node. */
export type MeshContext = {
  /** The wall clock, milliseconds since 1970: what the clocks of entries are compared with. */
  readonly wallMs: number;
  /** A clock that never jumps, for everything that takes a while. */
  readonly nowMs: number;
  readonly random: Random;
  readonly scoreOf: ScoreOf;
  /** How near a peer's Ω is to the own one, in millionths; undefined: not known. */
  readonly proximityOf: (peer: number) => number | undefined;
  /** The gossip interval of domain.md, "λ(t)". */
  readonly gossipMs: Millis;
  /** A peer that shares a shard is exchanged with at least this often: each epoch. */
  readonly exchangeEveryMs: Millis;
};

export type MeshInput =
  | { readonly type: "peer-connected"; readonly peer: number }
  | { readonly type: "peer-disconnected"; readonly peer: number }
  | { readonly type: "peer-frame"; readonly peer: number; readonly frame: Uint8Array }
  /** The validators of the epoch. */
  | { readonly type: "members"; readonly members: readonly number[] }
  /** A client's signed entry, and its question; `request` is this process's number for the answer. */
  | { readonly type: "publish"; readonly request: number; readonly entry: Uint8Array }
  | ({ readonly type: "look-up"; readonly request: number } & EntryKey)
  /** A block anchored a version of an entry. */
  | ({ readonly type: "anchored"; readonly digest: Hex } & EntryKey & AnchorNote)
  /** Several times a second: what is due is done. */
  | { readonly type: "tick" };

/** Why an entry, or a whole message, had no effect. */
export const meshRefusals = [
  "malformed",
  "too_large",
  "signature_invalid",
  "clock_ahead",
  "too_many_waiting",
  "below_watermark",
  "author_quota",
  "stale",
  "not_held",
  "over_rate",
  "unanswered",
  "attestation_invalid",
] as const;
export type MeshRefusal = (typeof meshRefusals)[number];

/** `waits`: until its clock has come; `known`: it was there already. */
export type Published = { readonly state: "merged" | "known" | "waits" | "forwarded"; readonly entry: MemoryEntry };

export type MeshEffect =
  | { readonly type: "send"; readonly peer: number; readonly frame: Uint8Array }
  /** To be written down in this order; nothing waits for it: the mesh is no consensus state. */
  | { readonly type: "persist"; readonly record: MeshRecord }
  /** A new version is held. */
  | { readonly type: "changed"; readonly entry: MemoryEntry }
  | { readonly type: "published"; readonly request: number; readonly result: Result<Published, MeshRefusal> }
  | { readonly type: "found"; readonly request: number; readonly result: Result<MemoryEntry | undefined, MeshRefusal> }
  /** An exchange with a peer is over: whether the common range ended equal (domain.md, "CAL", component 4). */
  | { readonly type: "exchanged"; readonly peer: number; readonly shard: number; readonly equal: boolean }
  /** A peer tells what it measured, or attests a version: for whoever scores and anchors (docs/mesh.md, "RΦV"). */
  | { readonly type: "heard"; readonly peer: number; readonly message: SignalMessage | AttestMessage }
  | { readonly type: "refused"; readonly reason: MeshRefusal; readonly peer: number | undefined }
  | { readonly type: "evicted"; readonly entries: number };

export type PeerFacts = {
  /** From a question to its answer, smoothed; undefined: not measured yet. */
  latencyMs: number | undefined;
  /** When the last exchange with it began. */
  exchangedAtMs: number;
  readonly queue: Uint8Array[];
  /** Entries that may still be pushed to it, and taken from it, refilled every second. */
  pushes: number;
  takes: number;
  refilledAtMs: number;
};

export type Exchange = {
  readonly peer: number;
  readonly shard: number;
  readonly beganAtMs: number;
  heardAtMs: number;
  range: { from: HybridTime; readonly to: HybridTime };
  /** Entries that were sent to the peer: once is progress, again is not. */
  readonly sent: Set<Uint8Array>;
  /** Since the last walk through the trees began: messages of the peer, and entries that moved. */
  heard: number;
  moved: number;
  idleWalks: number;
};

export type Request = {
  readonly client: number;
  readonly kind: "publish" | "look-up";
  readonly key: EntryKey;
  readonly waitsFor: Set<number>;
  readonly untilMs: number;
  /** The newest answer to a question, and the entry that is published. */
  entry: MemoryEntry | undefined;
  refusal: MeshRefusal | undefined;
  answered: boolean;
};

/** An entry whose clock is ahead; `publisher` as in `Notes`. */
export type Waiting = { readonly entry: MemoryEntry; readonly publisher: number | undefined };

/** The memory mesh of one node. */
export type Mesh = {
  readonly config: MeshConfig;
  readonly store: Store;
  /** The newest hybrid time of anything taken. */
  clock: HybridTime;
  members: readonly number[];
  /** Replicas of each shard. */
  placement: readonly (readonly number[])[];
  /** Shards that this node no longer holds, whose entries stay until a replica has them all. */
  readonly leaving: Set<number>;
  readonly peers: Map<number, PeerFacts>;
  /** Connected peers to gossip with, by id. */
  chosen: readonly number[];
  readonly waiting: Waiting[];
  readonly exchanges: Map<number, Exchange>;
  readonly requests: Map<number, Request>;
  /** Numbers exchanges and requests. */
  lastNumber: number;
  gossipAtMs: number;
};

export const createMesh = (config: MeshConfig, rules = MESH_RULES): Mesh => ({
  config,
  store: createStore(config.limits, rules),
  clock: 0n,
  members: [],
  placement: [],
  leaving: new Set(),
  peers: new Map(),
  chosen: [],
  waiting: [],
  exchanges: new Map(),
  requests: new Map(),
  lastNumber: 0,
  gossipAtMs: 0,
});

export const holds = ({ placement, config }: Mesh, shard: number): boolean =>
  placement[shard]?.includes(config.self) ?? false;

/** Connected replicas of a shard, without this node. */
export const replicasOf = ({ placement, config, peers }: Mesh, shard: number): readonly number[] =>
  (placement[shard] ?? []).filter((id) => id !== config.self && peers.has(id));

/** Shards that both hold. */
export const sharedShards = (mesh: Mesh, peer: number): readonly number[] =>
  mesh.placement.flatMap((replicas, shard) => (replicas.includes(peer) && holds(mesh, shard) ? [shard] : []));

/** The number of none. */
export const NO_EXCHANGE = 0xffff_ffff;

export function nextNumber(mesh: Mesh): number {
  mesh.lastNumber = (mesh.lastNumber + 1) % NO_EXCHANGE;
  return mesh.lastNumber;
}
