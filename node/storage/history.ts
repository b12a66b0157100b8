import { setImmediate as nextTurn } from "node:timers/promises";
import { type AccountChains, openAccountChains } from "./account-chains.ts";
import { type IdTables, openIdTables } from "./id-tables.ts";
import type { IndexFiles } from "./index-page.ts";
import type { BlockEntries, JournalPositions } from "./journal-positions.ts";

/** What history has to know of an entry of the ledger's journal. */
export type HistoryEntry = {
  /** From 1 through the whole chain, without gaps. */
  readonly position: number;
  readonly debit: bigint;
  readonly credit: bigint;
};

/** A block's entries, and what telling them takes beside its batches; those too, where they are still in memory. */
export type NotedBlock = BlockEntries & { readonly note: Uint8Array; readonly batches?: readonly Uint8Array[] };

/** How the journal is made again from what the log holds; all of it pure but for reading the log. */
export type JournalReader<E extends HistoryEntry> = {
  /** All entries of a block, in order; undefined: the block or one of its cars is not held. */
  readonly entriesOf: (block: NotedBlock) => readonly E[] | undefined;
  /** The same for the index, which makes no object of any entry: calls back for each in order, if the block is held. */
  readonly scan: (block: NotedBlock, visit: VisitEntry) => void;
};

/**
 * Of an entry: its id (16 bytes) stands at `at`, then its debit (16) and its credit (16), all little-endian. `named`: a client
 * may look it up by that id.
 */
export type VisitEntry = (view: DataView, at: number, named: boolean) => void;
const DEBIT_AT = 16;
const CREDIT_AT = 32;

export type Page<E> = {
  readonly entries: readonly E[];
  /** Entries before this position are not held here any more: their blocks were released, lost, or never fetched. */
  readonly heldFrom: number;
  /** Entries after this position are not in the index yet. */
  readonly indexedTo: number;
};

export type Lookup<E> =
  | { readonly type: "found"; readonly entry: E }
  /** It is known where the transfer stood, but its block is not held any more. */
  | { readonly type: "released"; readonly position: number }
  /** No entry up to `indexedTo` has this id, as far as ids are kept. */
  | { readonly type: "unknown"; readonly indexedTo: number };

/**
 * Answers questions about the journal from the log, beside the commits: every question and every piece of indexing works
 * on one block in a turn of the event loop.
 */
export type History<E extends HistoryEntry> = {
  /** At most `limit` entries after this position, oldest first. */
  entriesAfter(position: number, limit: number): Promise<Page<E>>;
  /** At most `limit` entries of an account, newest first. `before`: the `next` of the page before. */
  entriesOfAccount(
    account: bigint,
    options: { readonly before?: number; readonly limit: number },
  ): Promise<Page<E> & { readonly next: number | undefined }>;
  transferById(id: bigint): Promise<Lookup<E>>;
  /** Takes a block that was just executed: what it is indexed by need not be read back. */
  note(block: NotedBlock): void;
  /** Indexes one block; false: nothing is left to do now. */
  work(): boolean;
  /** Lets go of what speaks of blocks that are not held any more; ids stay until their time is before this. */
  release(idsBeforeMs: number): void;
  close(): void;
};

/**
 * Batches of blocks that wait for the index and are kept in memory. Past that they are read back from the log, which asks the
 * disk, as large groups are not in the page cache: a few of the largest blocks have to fit.
 */
const FRESH_BYTES_MAX = 64 * 1024 * 1024;
/** Blocks that are looked at in one question: an account whose entries share hash values with busy ones must not take for ever. */
const RECORDS_MAX = 100_000;

export function openHistory<E extends HistoryEntry>(
  parts: Omit<IndexFiles, "heldFrom"> & {
    readonly positions: JournalPositions;
    readonly readNote: (height: number) => Uint8Array | undefined;
  },
  journal: JournalReader<E>,
  sizes: { readonly tableIds?: number; readonly filePages?: number } = {},
): History<E> {
  const { positions } = parts;
  const index = { ...parts, heldFrom: positions.heldFrom() };
  const chains: AccountChains = openAccountChains(index, sizes.filePages);
  const ids: IdTables = openIdTables(index, sizes.tableIds);
  /** By height. */
  const fresh = new Map<number, NotedBlock>();
  let freshBytes = 0;
  const takeFresh = (height: number): NotedBlock | undefined => {
    const block = fresh.get(height);
    if (block !== undefined && fresh.delete(height)) freshBytes -= bytesOf(block);
    return block;
  };
  /** The block that was made again last: pages often go on in it. */
  let newest: { readonly height: number; readonly entries: readonly E[] } | undefined;

  const notedOf = (block: BlockEntries): NotedBlock | undefined => {
    const note = parts.readNote(block.height);
    return note === undefined ? undefined : { ...block, note };
  };
  const entriesOf = (block: BlockEntries): readonly E[] | undefined => {
    if (newest?.height === block.height) return newest.entries;
    const noted = notedOf(block);
    const entries = noted === undefined ? undefined : journal.entriesOf(noted);
    if (entries !== undefined) newest = { height: block.height, entries };
    return entries;
  };
  const entryAt = (position: number): E | undefined => {
    const block = positions.find(position);
    return block === undefined ? undefined : entriesOf(block)?.[position - block.first];
  };
  const indexedTo = (): number => Math.min(chains.indexedTo(), ids.indexedTo());
  const facts = () => ({ heldFrom: positions.heldFrom(), indexedTo: indexedTo() });

  return {
    entriesAfter: async (position, limit) => {
      const entries: E[] = [];
      let heldFrom = positions.heldFrom();
      let block = positions.from(Math.max(position + 1, heldFrom));
      while (block !== undefined && entries.length < limit) {
        const some = entriesOf(block);
        const end = block.first + block.entries;
        // A page has no gap in it: what stands behind a block that is lost is the next page's, which says so.
        if (some === undefined && entries.length > 0) break;
        if (some === undefined) heldFrom = end;
        else entries.push(...some.slice(Math.max(0, position + 1 - block.first)).slice(0, limit - entries.length));
        block = positions.from(end);
        await nextTurn();
      }
      return { heldFrom: Math.max(heldFrom, positions.heldFrom()), indexedTo: indexedTo(), entries };
    },
    entriesOfAccount: async (account, { before, limit }) => {
      const entries: E[] = [];
      let record = before ?? chains.newest(account);
      let seen = Number.POSITIVE_INFINITY;
      /** A block that is known and cannot be read leaves a gap in the page. */
      let gapTo = 0;
      const factsWithGap = () => ({ ...facts(), heldFrom: Math.max(gapTo, positions.heldFrom()) });
      for (let looked = 0; record !== 0 && entries.length < limit && looked < RECORDS_MAX; looked++) {
        const found = chains.read(record);
        if (found === undefined) return { ...factsWithGap(), entries, next: undefined };
        const entry = found.position < seen ? entryAt(found.position) : undefined;
        if (entry === undefined && found.position < seen) gapTo = Math.max(gapTo, found.position + 1);
        seen = Math.min(seen, found.position);
        if (entry !== undefined && (entry.debit === account || entry.credit === account)) entries.push(entry);
        record = found.previous;
        await nextTurn();
      }
      return { ...factsWithGap(), entries, next: record === 0 ? undefined : record };
    },
    transferById: async (id) => {
      const position = ids.find(id);
      if (position === undefined) return { type: "unknown", indexedTo: ids.indexedTo() };
      const entry = entryAt(position);
      return entry === undefined ? { type: "released", position } : { type: "found", entry };
    },
    note: (block) => {
      takeFresh(block.height);
      const bytes = bytesOf(block);
      const indexed = block.first + block.entries - 1 <= indexedTo();
      if (indexed || freshBytes + bytes > FRESH_BYTES_MAX) return;
      fresh.set(block.height, block);
      freshBytes += bytes;
    },
    work: () => {
      const block = positions.from(indexedTo() + 1);
      if (block === undefined) return false;
      const noted = takeFresh(block.height) ?? notedOf(block);
      let position = block.first;
      const visit: VisitEntry = (view, at, named) => {
        chains.add(position, view, at + DEBIT_AT, at + CREDIT_AT);
        if (named) ids.add(position, view, at);
        position += 1;
      };
      if (noted !== undefined) journal.scan(noted, visit);
      // A block that is not held leaves a gap in the index too: what comes after it is worth more than waiting.
      const last = block.first + block.entries - 1;
      chains.pass(last);
      ids.pass(last);
      return true;
    },
    release: (idsBeforeMs) => {
      chains.dropBelow(positions.heldFrom());
      ids.dropBelow(positions.heldFrom(), idsBeforeMs);
    },
    close: chains.close,
  };
}

const bytesOf = ({ batches = [] }: NotedBlock): number => batches.reduce((sum, { length }) => sum + length, 0);
