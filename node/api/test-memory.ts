import { accept, refuse } from "../base/result.ts";
import { isSigned, type MemoryEntry, parseEntry } from "../codec/memory-entry.ts";
import type { MemoryNotes, MemorySource } from "./memory-source.ts";

/** A mesh of one node that takes every signed entry, and holds all shards but those it is told. */
export function testMemory(
  chainId: string,
  { without = [] }: { without?: readonly number[] } = {},
): MemorySource & {
  readonly entries: Map<string, MemoryEntry>;
  readonly notes: Map<string, MemoryNotes>;
} {
  const entries = new Map<string, MemoryEntry>();
  const notes = new Map<string, MemoryNotes>();
  return {
    entries,
    notes,
    notesOf: ({ author, id }) => notes.get(`${author}/${id}`),
    chainId,
    shards: () => Array.from({ length: 10 }, (_, shard) => shard).filter((shard) => !without.includes(shard)),
    publish: async (bytes) => {
      const parsed = parseEntry(bytes, chainId);
      if (!parsed.ok) return parsed;
      const entry = parsed.value;
      if (without.includes(entry.shard)) return refuse("unanswered", "nobody holds it");
      if (!isSigned(entry, chainId)) return refuse("signature_invalid");
      const key = `${entry.author}/${entry.id}`;
      if ((entries.get(key)?.clock ?? -1n) >= entry.clock) return refuse("stale", "a newer version is held");
      entries.set(key, entry);
      return accept({ state: "merged", entry });
    },
    lookUp: async ({ author, id }) => accept(entries.get(`${author}/${id}`)),
    pageOfAuthor: ({ author, after, limit }) =>
      [...entries.values()].filter((entry) => entry.author === author && entry.id > after).slice(0, limit),
    pageOfShard: ({ shard, limit }) => {
      if (without.includes(shard)) return undefined;
      const found = [...entries.values()].filter((entry) => entry.shard === shard).slice(0, limit);
      return { entries: found, next: "" };
    },
  };
}
