import type { Hex } from "../base/bytes.ts";
import { type HybridTime, hybridTimeText } from "../codec/hybrid-clock.ts";
import type { MemoryEntry } from "../codec/memory-entry.ts";
import { SHORT_DIGITS } from "../codec/mesh-message.ts";
import type { AnchorNote } from "../codec/mesh-record.ts";
import { SHARDS } from "../codec/shard-placement.ts";
import { createTree, type DigestTree, insertItem, removeItem } from "./digest-tree.ts";
import type { MeshLimits } from "./limits.ts";
import { MESH_RULES, type MeshRules } from "./rules.ts";

/** An entry as it is held: its newest version. */
export type Held = { readonly entry: MemoryEntry; readonly place: string; readonly notes: Notes };

/** What this node alone knows of a version: outside of every digest, and gone with the version. */
export type Notes = {
  /** Validator that took it from a client; undefined: it came from a replica. */
  publisher: number | undefined;
  anchor: AnchorNote | undefined;
};

/**
 * The entries of one node: a state-based CRDT (Shapiro et al. 2011). For each key the newest version counts; of each
 * author what is newest within the limits; nothing older than the watermark is taken. Merging is therefore commutative,
 * associative and idempotent: two nodes that have seen the same are equal, whatever the order, loss or repetition.
 */
export type Store = {
  readonly limits: MeshLimits;
  readonly rules: MeshRules;
  readonly entries: Map<string, Held>;
  readonly authors: Map<Hex, Author>;
  /** By shard: all that is not below the watermark. */
  readonly trees: readonly DigestTree<Held>[];
  /** Still held, but below the watermark: outside of every digest, and the first to go. */
  readonly below: Set<Held>;
  /** What is older is neither taken nor compared, so that what was dropped does not come back. It only rises. */
  watermark: HybridTime;
  bytes: number;
};

type Author = { readonly keys: Set<string>; bytes: number };

export type MergeRefusal = "below_watermark" | "author_quota";
export type Merge =
  | { readonly type: "merged"; readonly dropped: readonly Held[] }
  /** Held already. */
  | { readonly type: "known" }
  /** A newer version is held. */
  | { readonly type: "stale"; readonly newest: MemoryEntry }
  | { readonly type: "refused"; readonly reason: MergeRefusal; readonly dropped: readonly Held[] };

export const createStore = (limits: MeshLimits, rules: MeshRules = MESH_RULES): Store => ({
  limits,
  rules,
  entries: new Map(),
  authors: new Map(),
  trees: Array.from({ length: SHARDS }, () => createTree<Held>()),
  below: new Set(),
  watermark: 0n,
  bytes: 0,
});

/** What merging this entry would do, but for limits: decides before anything is spent on its signature. */
export const standingOf = (store: Store, entry: MemoryEntry): Standing =>
  standingAgainst(store, entry, store.entries.get(entry.key));

type Standing = "newer" | Exclude<Merge["type"], "merged">;

function standingAgainst(store: Store, entry: MemoryEntry, held: Held | undefined): Standing {
  const newer = held === undefined ? 1 : store.rules.compare(entry, held.entry);
  if (newer <= 0) return newer === 0 ? "known" : "stale";
  return entry.clock < store.watermark ? "refused" : "newer";
}

/** Takes an entry whose signature is right. */
export function mergeEntry(store: Store, entry: MemoryEntry): Merge {
  const held = store.entries.get(entry.key);
  const standing = standingAgainst(store, entry, held);
  if (standing === "known") return { type: "known" };
  if (standing === "stale" && held !== undefined) return { type: "stale", newest: held.entry };
  if (standing !== "newer") return { type: "refused", reason: "below_watermark", dropped: [] };
  if (held !== undefined) takeOut(store, held);
  hold(store, { entry, place: placeOf(entry), notes: { publisher: undefined, anchor: undefined } });
  const dropped = enforceQuota(store, entry.author);
  return dropped.length > 0 && dropped.some((each) => each.entry === entry)
    ? { type: "refused", reason: "author_quota", dropped }
    : { type: "merged", dropped };
}

/** Whether the author's limits leave no room for this one beside what they hold: a node asks before it takes a new entry of a client. */
export function isOverQuota({ authors, entries, limits }: Store, entry: MemoryEntry): boolean {
  const author = authors.get(entry.author);
  const held = entries.get(entry.key)?.entry;
  if (author === undefined || (held !== undefined && entry.bytes.length <= held.bytes.length)) return false;
  return (
    author.keys.size + (held === undefined ? 1 : 0) > limits.authorEntries ||
    author.bytes + entry.bytes.length - (held?.bytes.length ?? 0) > limits.authorBytes
  );
}

export function dropHeld(store: Store, held: Held): void {
  const { key, author: name } = held.entry;
  takeOut(store, held);
  store.entries.delete(key);
  const author = store.authors.get(name);
  author?.keys.delete(key);
  if (author?.keys.size === 0) store.authors.delete(name);
}

/** Everything that a version stands in beside its key, under which another one may take its place. */
function takeOut(store: Store, held: Held): void {
  const { entry } = held;
  store.bytes -= entry.bytes.length;
  if (!store.below.delete(held)) removeItem(treeOf(store, entry), held);
  const author = store.authors.get(entry.author);
  if (author !== undefined) author.bytes -= entry.bytes.length;
}

/** Takes an entry out of the digests; it stays held. */
export function sinkBelow(store: Store, held: Held): void {
  removeItem(treeOf(store, held.entry), held);
  store.below.add(held);
}

const placeOf = ({ clock, digest }: MemoryEntry): string => hybridTimeText(clock) + digest.slice(0, SHORT_DIGITS);

export function treeOf(store: Store, { shard }: { readonly shard: number }): DigestTree<Held> {
  const tree = store.trees[shard];
  if (tree === undefined) throw new Error(`there is no shard ${shard}`);
  return tree;
}

function hold(store: Store, held: Held): void {
  const { entry } = held;
  const { key } = entry;
  store.entries.set(key, held);
  store.bytes += entry.bytes.length;
  if (store.rules.isCompared(entry)) insertItem(treeOf(store, entry), held);
  const author = store.authors.get(entry.author) ?? { keys: new Set<string>(), bytes: 0 };
  store.authors.set(entry.author, author);
  author.keys.add(key);
  author.bytes += entry.bytes.length;
}

/**
 * Drops an author's oldest entries, tombstones among them, until what is left is within the limits. Which ones depends on
 * what is held alone. By number this keeps the laws of a CRDT: what was dropped stays below as many newer keys as before.
 * By bytes an entry that was dropped may fit again after a larger one shrank; then an exchange brings it back.
 */
function enforceQuota(store: Store, name: Hex): readonly Held[] {
  const { limits, entries } = store;
  const dropped: Held[] = [];
  for (let author = store.authors.get(name); author !== undefined; author = store.authors.get(name)) {
    if (author.keys.size <= limits.authorEntries && author.bytes <= limits.authorBytes) break;
    const oldest = [...author.keys]
      .flatMap((key) => entries.get(key) ?? [])
      .reduce((least, held) => (isOlder(held.entry, least.entry) ? held : least));
    dropHeld(store, oldest);
    dropped.push(oldest);
  }
  return dropped;
}

/** By clock, then id: no new version of a key makes it older. */
const isOlder = (a: MemoryEntry, b: MemoryEntry): boolean => (a.clock === b.clock ? a.id < b.id : a.clock < b.clock);
