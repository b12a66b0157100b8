import { unreachable } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { HYBRID_TIME_MAX, type HybridTime } from "../codec/hybrid-clock.ts";
import { keyText, type MemoryEntry, parseEntry } from "../codec/memory-entry.ts";
import { encodeMeshMessage, parseMeshMessage, type SyncMessage } from "../codec/mesh-message.ts";
import type { MeshRecord } from "../codec/mesh-record.ts";
import { REPLICAS, SHARDS, shardReplicas } from "../codec/shard-placement.ts";
import { admit, flushPushes, takeWaiting } from "./admit.ts";
import { itemsUnder } from "./digest-tree.ts";
import { raiseWatermark } from "./evict.ts";
import { answerPeer, beginExchange, endLateExchanges, forgetExchanges, hearReply } from "./exchange.ts";
import { choosePeers, newPeer, partnersOf, refill } from "./peers.ts";
import { endLateRequests, forgetRequests, hearRequest, lookUp, publish } from "./requests.ts";
import {
  holds,
  type Mesh,
  type MeshContext,
  type MeshEffect,
  type MeshInput,
  type MeshRefusal,
  NO_EXCHANGE,
  replicasOf,
  sharedShards,
} from "./state.ts";
import { dropHeld, mergeEntry, treeOf } from "./store.ts";

export { MESH_LIMITS } from "./limits.ts";
export {
  createMesh,
  type Mesh,
  type MeshContext,
  type MeshEffect,
  type MeshInput,
  type MeshRefusal,
  meshRefusals,
  type Published,
} from "./state.ts";

/** One input of the mesh (domain.md, "Memory mesh"): changes its state, and answers with what is to be done. */
export function stepMesh(mesh: Mesh, input: MeshInput, context: MeshContext): readonly MeshEffect[] {
  const effects: MeshEffect[] = [];
  switch (input.type) {
    case "peer-connected":
      mesh.peers.set(input.peer, newPeer(context.nowMs));
      choosePeers(mesh, context);
      break;
    case "peer-disconnected":
      mesh.peers.delete(input.peer);
      mesh.chosen = mesh.chosen.filter((peer) => peer !== input.peer);
      forgetExchanges(mesh, input.peer);
      forgetRequests(mesh, input.peer, effects);
      break;
    case "peer-frame":
      hearPeer(mesh, input.peer, input.frame, context, effects);
      break;
    case "members":
      setMembers(mesh, input.members);
      choosePeers(mesh, context);
      break;
    case "publish":
      publish(mesh, input, context, effects);
      break;
    case "look-up":
      lookUp(mesh, input, context, effects);
      break;
    case "anchored":
      noteAnchor(mesh, input, effects);
      break;
    case "tick":
      tick(mesh, context, effects);
      break;
    default:
      unreachable(input);
  }
  flushPushes(mesh, effects);
  return effects;
}

/** Takes back what an earlier run has written down: no signature is checked again. False: a record of another network, or none. */
export function restoreRecord(mesh: Mesh, record: MeshRecord): boolean {
  const { store } = mesh;
  switch (record.type) {
    case "entry": {
      const parsed = parseEntry(record.bytes, mesh.config.chainId);
      if (!parsed.ok) return false;
      mergeEntry(store, parsed.value);
      if (parsed.value.clock > mesh.clock) mesh.clock = parsed.value.clock;
      return true;
    }
    case "dropped": {
      const held = store.entries.get(keyText(record));
      if (held !== undefined) dropHeld(store, held);
      return true;
    }
    case "watermark":
      raiseWatermark(store, record.watermark);
      return true;
    case "published": {
      const held = store.entries.get(keyText(record));
      if (held !== undefined) held.notes.publisher = record.publisher;
      return true;
    }
    case "anchored": {
      const { height, index, batch } = record;
      const held = store.entries.get(keyText(record));
      if (held !== undefined) held.notes.anchor = { height, index, batch };
      return true;
    }
    default:
      return unreachable(record);
  }
}

/** All that is held, in as few records as there can be. */
export function* recordsOf({ store }: Mesh): Generator<MeshRecord> {
  for (const { entry, notes } of store.entries.values()) {
    const { author, id } = entry;
    yield { type: "entry", bytes: entry.bytes };
    if (notes.publisher !== undefined) yield { type: "published", author, id, publisher: notes.publisher };
    if (notes.anchor !== undefined) yield { type: "anchored", author, id, ...notes.anchor };
  }
  // Last: what is below it is taken before.
  yield { type: "watermark", watermark: store.watermark };
}

/** How the mesh of this node stands, for its pace, its metrics and its API. */
export function viewOfMesh(mesh: Mesh) {
  const { store, peers, waiting, clock, placement, config } = mesh;
  const latencies = [...peers.values()].flatMap(({ latencyMs }) => latencyMs ?? []);
  return {
    entries: store.entries.size,
    bytes: store.bytes,
    watermark: store.watermark,
    clock,
    waiting: waiting.length,
    queued: [...peers.values()].reduce((sum, { queue }) => sum + queue.length, 0),
    connectedPeers: peers.size,
    meanLatencyMs: latencies.length === 0 ? undefined : latencies.reduce((sum, each) => sum + each) / latencies.length,
    shards: placement.flatMap((replicas, shard) => (replicas.includes(config.self) ? [shard] : [])),
  };
}

/** Entries of a shard, tombstones too, oldest first, behind this place; undefined: this node does not hold the shard. */
export function pageOfShard(
  mesh: Mesh,
  { shard, after, limit }: { readonly shard: number; readonly after: string; readonly limit: number },
): { readonly entries: readonly MemoryEntry[]; readonly next: string } | undefined {
  if (!holds(mesh, shard)) return undefined;
  const entries: MemoryEntry[] = [];
  let next = after;
  for (const { entry, place } of itemsUnder(treeOf(mesh.store, { shard }), "", EVER, after)) {
    if (entries.length === limit) break;
    entries.push(entry);
    next = place;
  }
  return { entries, next };
}

/** An author's entries that this node holds, by id, behind this one, without tombstones. */
export function pageOfAuthor(
  { store }: Mesh,
  { author, after, limit }: { readonly author: Hex; readonly after: string; readonly limit: number },
): readonly MemoryEntry[] {
  const keys = [...(store.authors.get(author)?.keys ?? [])].filter((key) => key > `${author}/${after}`).toSorted();
  const found = keys.flatMap((key) => store.entries.get(key)?.entry ?? []).filter(({ deleted }) => !deleted);
  return found.slice(0, limit);
}

const EVER: { readonly from: HybridTime; readonly to: HybridTime } = { from: 0n, to: HYBRID_TIME_MAX };

function hearPeer(mesh: Mesh, peer: number, frame: Uint8Array, context: MeshContext, effects: MeshEffect[]): void {
  const refused = (reason: MeshRefusal): void => void effects.push({ type: "refused", reason, peer });
  const facts = mesh.peers.get(peer);
  const parsed = parseMeshMessage(frame);
  if (!parsed.ok) {
    refused("malformed");
    return;
  }
  if (facts === undefined) return;
  const message = parsed.value;
  refill(facts, context.nowMs);
  const takeAll = (entries: readonly Uint8Array[], publisher?: number): number => {
    let merged = 0;
    for (const bytes of entries) {
      const taken = admit(mesh, { bytes, publisher }, context, effects);
      if (!taken.ok) refused(taken.reason);
      else if (taken.value.state === "merged") merged += 1;
      // What the peer showed is stale, and what is newer may be outside of the range that is compared.
      if (!taken.ok && taken.reason === "stale" && message.type === "sync")
        tellNewer(mesh, peer, { message, bytes }, effects);
    }
    return merged;
  };
  // What this node has asked for comes at its own pace; everything else is bounded.
  const isUnasked =
    message.type !== "got" && message.type !== "put-answer" && !(message.type === "sync" && message.reply);
  if (isUnasked) {
    const cost = message.type === "push" || message.type === "sync" ? Math.max(1, message.entries.length) : 1;
    if (facts.takes < cost) {
      refused("over_rate");
      return;
    }
    facts.takes -= cost;
  }
  switch (message.type) {
    case "push":
      takeAll(message.entries, peer);
      return;
    case "signal":
    case "attest":
      effects.push({ type: "heard", peer, message });
      return;
    case "sync":
      hearSync(mesh, peer, message, { takeAll, refused, nowMs: context.nowMs }, effects);
      return;
    default:
      hearRequest(mesh, peer, message, context, effects);
      return;
  }
}

/** The version that this node holds instead of the one that a peer showed; outside of any exchange's walk. */
function tellNewer(
  mesh: Mesh,
  peer: number,
  { message, bytes }: { readonly message: SyncMessage; readonly bytes: Uint8Array },
  effects: MeshEffect[],
): void {
  const parsed = parseEntry(bytes, mesh.config.chainId);
  const newer = parsed.ok ? mesh.store.entries.get(parsed.value.key)?.entry.bytes : undefined;
  if (newer === undefined) return;
  const nothing = { root: undefined, branches: [], lists: [], wants: [] };
  const answer: SyncMessage = { ...message, ...nothing, exchange: NO_EXCHANGE, reply: true, entries: [newer] };
  effects.push({ type: "send", peer, frame: encodeMeshMessage(answer) });
}

function hearSync(
  mesh: Mesh,
  peer: number,
  message: SyncMessage,
  on: {
    readonly takeAll: (entries: readonly Uint8Array[]) => number;
    readonly refused: (reason: MeshRefusal) => void;
    readonly nowMs: number;
  },
  effects: MeshEffect[],
): void {
  if (!holds(mesh, message.shard) && !mesh.leaving.has(message.shard)) {
    on.refused("not_held");
    return;
  }
  const moved = on.takeAll(message.entries);
  if (message.reply) hearReply(mesh, message, { peer, moved, nowMs: on.nowMs }, effects);
  else answerPeer(mesh, message, peer, effects);
}

/** A note beside the version, if this node holds it. */
function noteAnchor(
  { store }: Mesh,
  { author, id, digest, height, index, batch }: Extract<MeshInput, { type: "anchored" }>,
  effects: MeshEffect[],
): void {
  const held = store.entries.get(keyText({ author, id }));
  if (held?.entry.digest !== digest) return;
  held.notes.anchor = { height, index, batch };
  effects.push({ type: "persist", record: { type: "anchored", author, id, height, index, batch } });
}

/** Shards move as validators come and go; what was held stays until another replica has it. */
function setMembers(mesh: Mesh, members: readonly number[]): void {
  mesh.members = members.toSorted((a, b) => a - b);
  mesh.placement = shardReplicas(mesh.members, { shards: SHARDS, replicas: REPLICAS });
  const held = new Set([...mesh.store.entries.values()].map(({ entry }) => entry.shard));
  mesh.leaving.clear();
  for (const shard of held) if (!holds(mesh, shard)) mesh.leaving.add(shard);
}

function tick(mesh: Mesh, context: MeshContext, effects: MeshEffect[]): void {
  const { nowMs } = context;
  for (const facts of mesh.peers.values()) refill(facts, nowMs);
  takeWaiting(mesh, context, effects);
  endLateExchanges(mesh, nowMs, effects);
  endLateRequests(mesh, nowMs, effects);
  if (nowMs < mesh.gossipAtMs) return;
  mesh.gossipAtMs = nowMs + context.gossipMs;
  choosePeers(mesh, context);
  for (const peer of partnersOf(mesh, context)) {
    const facts = mesh.peers.get(peer);
    if (facts !== undefined) facts.exchangedAtMs = nowMs;
    for (const shard of sharedShards(mesh, peer)) beginExchange(mesh, { peer, shard }, context, effects);
  }
  for (const shard of mesh.leaving) {
    const replicas = replicasOf(mesh, shard);
    if (replicas.length > 0) beginExchange(mesh, { peer: context.random.pick(replicas), shard }, context, effects);
  }
}
