import type { Hex } from "../base/bytes.ts";
import type { Result } from "../base/result.ts";
import type { EntryKey, MemoryEntry } from "../codec/memory-entry.ts";

/** What becomes of an entry that is taken: `waits` until its clock has come, `forwarded` to a node that holds its shard. */
export type TakenState = "merged" | "known" | "waits" | "forwarded";

export type MemoryNotes = {
  readonly digest: Hex;
  /** Validator that took the version from a client. */
  readonly publisher: number | undefined;
  /** RΦV, in millionths. */
  readonly resonancePpm: number | undefined;
  /** The record that anchored it, in a batch. */
  readonly anchor: { readonly height: number; readonly index: number; readonly batch: Uint8Array } | undefined;
};

/** This node's part of the memory mesh, and through it the others'. */
export type MemorySource = {
  readonly chainId: Hex;
  /** Takes a signed entry. */
  publish(entry: Uint8Array): Promise<Result<{ readonly state: TakenState; readonly entry: MemoryEntry }>>;
  /** The newest version that is known, a tombstone too. */
  lookUp(key: EntryKey): Promise<Result<MemoryEntry | undefined>>;
  /** Of an author's entries those that this node holds, by id. */
  pageOfAuthor(page: { readonly author: Hex; readonly after: string; readonly limit: number }): readonly MemoryEntry[];
  /** Versions of a shard by clock, tombstones too; undefined: this node does not hold it. */
  pageOfShard(page: {
    readonly shard: number;
    readonly after: string;
    readonly limit: number;
  }): { readonly entries: readonly MemoryEntry[]; readonly next: string } | undefined;
  shards(): readonly number[];
  /** What this node alone knows of the version that it holds; undefined: it holds none. */
  notesOf(key: EntryKey): MemoryNotes | undefined;
};
