import { accept, type Result, refuse } from "../base/result.ts";
import { aheadMs, type MemoryEntry, parseEntry } from "../codec/memory-entry.ts";
import { encodeMeshMessage, MESSAGE_ENTRIES_MAX } from "../codec/mesh-message.ts";
import { evict } from "./evict.ts";
import { MESSAGE_ENTRY_BYTES, PUSH_PEERS, PUSH_QUEUE_MAX, SKEW_MS, WAITING_AUTHOR_MAX, WAITING_MAX } from "./limits.ts";
import {
  holds,
  type Mesh,
  type MeshContext,
  type MeshEffect,
  type MeshRefusal,
  type PeerFacts,
  type Published,
  replicasOf,
  type Waiting,
} from "./state.ts";
import { type Held, mergeEntry, standingOf } from "./store.ts";

/** Takes an entry of outside bytes, or says why not. Only what it is told here has an effect: a clock that runs away moves nobody else's. */
export function admit(
  mesh: Mesh,
  { bytes, publisher }: { readonly bytes: Uint8Array; readonly publisher: number | undefined },
  context: MeshContext,
  effects: MeshEffect[],
): Result<Published, MeshRefusal> {
  const parsed = parseEntry(bytes, mesh.config.chainId);
  if (!parsed.ok) return parsed;
  const entry = parsed.value;
  const checked = checkEntry(mesh, entry, context);
  if (!checked.ok) return checked;
  if (!holds(mesh, entry.shard)) return refuse("not_held");
  if (checked.value === "known") {
    notePublisher(mesh, entry, publisher, effects);
    return accept({ state: "known", entry });
  }
  if (aheadMs(entry, context.wallMs) >= SKEW_MS) return putAside(mesh, { entry, publisher });
  return take(mesh, { entry, publisher }, context, effects);
}

/** All but whether this node holds its shard. The signature comes last, as it costs more than all the rest. */
export function checkEntry(
  { store, config }: Mesh,
  entry: MemoryEntry,
  { wallMs }: MeshContext,
): Result<"newer" | "known", MeshRefusal> {
  if (aheadMs(entry, wallMs) > store.rules.aheadMaxMs)
    return refuse("clock_ahead", `its clock is ${Math.round(aheadMs(entry, wallMs) / 1_000)} s ahead of this node's`);
  const standing = standingOf(store, entry);
  if (standing === "known") return accept("known");
  if (standing === "stale") return refuse("stale", "a newer version is held");
  if (standing === "refused") return refuse("below_watermark", "it is older than what this node had to let go");
  return store.rules.isSigned(entry, config.chainId) ? accept("newer") : refuse("signature_invalid");
}

/** Entries whose time has come. */
export function takeWaiting(mesh: Mesh, context: MeshContext, effects: MeshEffect[]): void {
  const due = mesh.waiting.filter(({ entry }) => aheadMs(entry, context.wallMs) < SKEW_MS);
  if (due.length === 0) return;
  mesh.waiting.splice(0, mesh.waiting.length, ...mesh.waiting.filter((each) => !due.includes(each)));
  for (const each of due) {
    const taken = take(mesh, each, context, effects);
    // Only its publisher pushes an entry: who pushes one is taken for that.
    if (taken.ok && each.publisher === mesh.config.self) pushEntry(mesh, each.entry, undefined, context);
    if (!taken.ok) effects.push({ type: "refused", reason: taken.reason, peer: undefined });
  }
}

/** Tells the replicas of its shard at once, or some of them by chance where there are many. */
export function pushEntry(mesh: Mesh, entry: MemoryEntry, but: number | undefined, { random }: MeshContext): void {
  const replicas = replicasOf(mesh, entry.shard).filter((id) => id !== but);
  const chosen =
    replicas.length <= PUSH_PEERS ? replicas : replicas.filter(() => random.below(replicas.length) < PUSH_PEERS);
  for (const id of chosen) {
    const queue = mesh.peers.get(id)?.queue;
    if (queue !== undefined && queue.length < PUSH_QUEUE_MAX) queue.push(entry.bytes);
  }
}

/** Sends what waits to be pushed, as far as the peer's rate allows. */
export function flushPushes(mesh: Mesh, effects: MeshEffect[]): void {
  for (const [peer, facts] of mesh.peers) {
    while (facts.queue.length > 0 && facts.pushes >= 1) {
      const frame = encodeMeshMessage({ type: "push", entries: nextPush(facts) });
      effects.push({ type: "send", peer, frame });
    }
  }
}

function nextPush(facts: PeerFacts): readonly Uint8Array[] {
  const { queue } = facts;
  let bytes = 0;
  let count = 0;
  for (const each of queue.slice(0, Math.min(MESSAGE_ENTRIES_MAX, Math.floor(facts.pushes)))) {
    bytes += each.length;
    if (count > 0 && bytes > MESSAGE_ENTRY_BYTES) break;
    count += 1;
  }
  facts.pushes -= count;
  return queue.splice(0, count);
}

/** Who brings a version first as its publisher is noted for it. */
function notePublisher(
  { store }: Mesh,
  { key, digest, author, id }: MemoryEntry,
  publisher: number | undefined,
  effects: MeshEffect[],
): void {
  const held = store.entries.get(key);
  if (publisher === undefined || held?.entry.digest !== digest || held.notes.publisher !== undefined) return;
  held.notes.publisher = publisher;
  effects.push({ type: "persist", record: { type: "published", author, id, publisher } });
}

function putAside({ waiting }: Mesh, { entry, publisher }: Waiting): Result<Published, MeshRefusal> {
  if (waiting.some((each) => each.entry.digest === entry.digest)) return accept({ state: "waits", entry });
  const ofAuthor = waiting.filter((each) => each.entry.author === entry.author).length;
  if (waiting.length >= WAITING_MAX || ofAuthor >= WAITING_AUTHOR_MAX)
    return refuse("too_many_waiting", "too many entries with clocks ahead");
  waiting.push({ entry, publisher });
  return accept({ state: "waits", entry });
}

function take(
  mesh: Mesh,
  { entry, publisher }: Waiting,
  context: MeshContext,
  effects: MeshEffect[],
): Result<Published, MeshRefusal> {
  const { store } = mesh;
  const merge = mergeEntry(store, entry);
  if (merge.type === "known") return accept({ state: "known", entry });
  if (merge.type === "stale") return refuse("stale", "a newer version is held");
  const drop = (dropped: readonly Held[]): void => {
    for (const { entry: gone } of dropped)
      effects.push({ type: "persist", record: { type: "dropped", author: gone.author, id: gone.id } });
  };
  if (merge.type === "refused") {
    drop(merge.dropped);
    return refuse(merge.reason, "it is older than what the author's quota keeps");
  }
  if (entry.clock > mesh.clock) mesh.clock = entry.clock;
  effects.push({ type: "persist", record: { type: "entry", bytes: entry.bytes } }, { type: "changed", entry });
  notePublisher(mesh, entry, publisher, effects);
  drop(merge.dropped);
  const before = store.watermark;
  const evicted = evict(store, context.scoreOf);
  if (store.watermark > before)
    effects.push({ type: "persist", record: { type: "watermark", watermark: store.watermark } });
  drop(evicted);
  const gone = merge.dropped.length + evicted.length;
  if (gone > 0) effects.push({ type: "evicted", entries: gone });
  return accept({ state: "merged", entry });
}
