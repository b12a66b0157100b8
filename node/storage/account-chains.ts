import { join } from "node:path";
import type { Disk } from "./disk.ts";
import { headTable } from "./head-table.ts";
import { getUint48, type IndexFiles, PAGE_BYTES, PAGE_ROOM, pageOf, sealPage } from "./index-page.ts";
import type { OpenFiles } from "./segment.ts";

/**
 * The journal entries of each account, newest first: every record names the record before it of the same account, the
 * newest ones are found in a table in memory. 16 bytes a record on disk: previous record (6), position (6), hash of the
 * account (4). Accounts that share a hash share a chain; the reader tells them apart by the entries themselves.
 */
export type AccountChains = {
  /** Positions up to this one are in the chains. */
  indexedTo(): number;
  /** An entry of the accounts at two places, found after `pass`. Positions in order; those that are in the chains already are passed over. */
  add(position: number, view: DataView, accountAt: number, otherAt: number): void;
  /** The entries up to this position are of no account that is known here. */
  pass(position: number): void;
  /** Number of the newest record of the account's chain; 0: none. */
  newest(account: bigint): number;
  /** One record; undefined where it is gone or cannot be read. */
  read(record: number): { readonly position: number; readonly previous: number } | undefined;
  /** Files go whose every position is below this one. */
  dropBelow(position: number): void;
  close(): void;
};

const RECORD_BYTES = 16;
const PAGE_RECORDS = Math.floor(PAGE_ROOM / RECORD_BYTES);
/** Pages of one file: 16 MiB. */
const FILE_PAGES = 4096;
/** Pages that are filled and written together. */
const SLAB_PAGES = 64;
/** Slabs that are kept to be filled again: asking the system for memory costs more than filling it. */
const SPARE_SLABS_MAX = 4;
/** Entries that are looked up together: the reads of memory for one do not wait for those of the others. */
const GATHERED_ENTRIES = 256;
const NAME = /^history-account-chain-([0-9]{6})\.idx$/;

/** `lasts`: the newest position in each file. */
type Loaded = {
  readonly first: number;
  readonly records: number;
  readonly indexedTo: number;
  readonly lasts: Map<number, number>;
};
/** Pages that follow each other in one file, shared with the thread that writes them. */
type Slab = {
  /** Number of its first page, counted through all files. */
  readonly first: number;
  readonly memory: SharedArrayBuffer;
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly words: Uint32Array;
};
/** A file that is written to, and how many of its slabs are on their way. */
type Writer = { readonly open: number; writing: number };

/** Opens what is there, page by page, as far as it is whole. */
export function openAccountChains(parts: IndexFiles, filePages = FILE_PAGES): AccountChains {
  const { disk, folder, files, write } = parts;
  const pathOf = (file: number): string => join(folder, `history-account-chain-${String(file).padStart(6, "0")}.idx`);
  const heads = headTable();
  const loaded = load(parts, filePages, pathOf, (hash, record) => heads.replace(hash, record));
  const { lasts } = loaded;
  let { first, records, indexedTo } = loaded;
  const slabPages = Math.min(SLAB_PAGES, filePages);
  /** Slabs that are being filled or are not written yet, by the number of their first page divided by theirs. */
  const held = new Map<number, Slab>();
  const spares: SharedArrayBuffer[] = [];
  let filling: Slab | undefined;
  const writers = new Map<number, Writer>();

  /** The slab that page belongs to: the first one after a start may begin in its middle. */
  const newSlab = (page: number): Slab => {
    const memory = spares.pop() ?? new SharedArrayBuffer(slabPages * PAGE_BYTES);
    const pages = slabPages - (page % slabPages);
    const bytes = new Uint8Array(memory, 0, pages * PAGE_BYTES);
    return { first: page, memory, bytes, words: new Uint32Array(memory) };
  };
  const writeSlab = (slab: Slab): void => {
    const file = Math.floor(slab.first / filePages);
    const path = pathOf(file);
    const writer = writers.get(file) ?? {
      open: disk.open(path, disk.exists(path) ? "existing" : "create"),
      writing: 0,
    };
    writers.set(file, writer);
    writer.writing += 1;
    const position = (slab.first % filePages) * PAGE_BYTES;
    write([{ type: "write", file: writer.open, position, bytes: slab.bytes }], (refused) => {
      writer.writing -= 1;
      // Refused: it stays in memory, and the next process makes it again.
      if (refused === undefined) {
        held.delete(Math.floor(slab.first / slabPages));
        if (spares.length < SPARE_SLABS_MAX) spares.push(slab.memory);
      }
      if (writer.writing > 0 || file >= Math.floor(records / PAGE_RECORDS / filePages)) return;
      disk.close(writer.open);
      writers.delete(file);
    });
  };
  const append = (position: number, hash: number): void => {
    const page = Math.floor(records / PAGE_RECORDS);
    const place = records - page * PAGE_RECORDS;
    if (filling === undefined) {
      filling = newSlab(page);
      held.set(Math.floor(page / slabPages), filling);
    }
    records += 1;
    const previous = heads.replace(hash, records);
    const { first: firstPage, bytes, words } = filling;
    const start = (page - firstPage) * PAGE_BYTES;
    // The record's 16 bytes as words: two numbers of 48 bits, and the hash.
    const at = (start + place * RECORD_BYTES) / 4;
    words[at] = previous;
    words[at + 1] = Math.floor(previous / 0x1_0000_0000) | (position << 16);
    words[at + 2] = Math.floor(position / 0x1_0000);
    words[at + 3] = hash;
    if (place + 1 < PAGE_RECORDS) return;
    lasts.set(Math.floor(page / filePages), position);
    sealPage(bytes.subarray(start, start + PAGE_BYTES), page % filePages, PAGE_RECORDS);
    if (start + PAGE_BYTES < bytes.length) return;
    const full = filling;
    filling = undefined;
    writeSlab(full);
  };
  /** Entries that are not in their chains yet: a position, and the hashes of two accounts. */
  const gathered = {
    entries: 0,
    positions: new Float64Array(GATHERED_ENTRIES),
    hashes: new Uint32Array(2 * GATHERED_ENTRIES),
    /** Keeps the compiler from dropping reads whose values nobody needs. */
    sink: 0,
  };
  const appendGathered = (): void => {
    const { entries, positions, hashes } = gathered;
    gathered.entries = 0;
    let sink = 0;
    for (let index = 0; index < 2 * entries; index++) sink ^= heads.fetch(hashes[index] as number);
    gathered.sink = sink;
    for (let entry = 0; entry < entries; entry++) {
      const position = positions[entry] as number;
      const hash = hashes[2 * entry] as number;
      const other = hashes[2 * entry + 1] as number;
      append(position, hash);
      if (other !== hash) append(position, other);
    }
  };
  return {
    indexedTo: () => indexedTo,
    add: (position, view, accountAt, otherAt) => {
      if (position <= indexedTo) return;
      indexedTo = position;
      const entry = gathered.entries;
      gathered.positions[entry] = position;
      gathered.hashes[2 * entry] = hashAt(view, accountAt);
      gathered.hashes[2 * entry + 1] = hashAt(view, otherAt);
      gathered.entries = entry + 1;
      if (gathered.entries === GATHERED_ENTRIES) appendGathered();
    },
    pass: (position) => {
      appendGathered();
      indexedTo = Math.max(indexedTo, position);
    },
    newest: (account) => {
      const view = new DataView(new ArrayBuffer(16));
      view.setBigUint64(0, BigInt.asUintN(64, account), true);
      view.setBigUint64(8, account >> 64n, true);
      return heads.get(hashAt(view, 0));
    },
    read: (record) => {
      const index = record - 1;
      if (index < first || index >= records) return undefined;
      const number = Math.floor(index / PAGE_RECORDS);
      const [file, page] = [Math.floor(number / filePages), number % filePages];
      const slab = held.get(Math.floor(number / slabPages));
      const view =
        slab !== undefined && number >= slab.first
          ? new DataView(slab.memory, (number - slab.first) * PAGE_BYTES, PAGE_BYTES)
          : pageOf(disk.read(files.get(pathOf(file)), page * PAGE_BYTES, PAGE_BYTES), page);
      if (view === undefined) return undefined;
      const at = (index % PAGE_RECORDS) * RECORD_BYTES;
      return { previous: getUint48(view, at), position: getUint48(view, at + 6) };
    },
    dropBelow: (position) => {
      const current = Math.floor(records / PAGE_RECORDS / filePages);
      const gone = [...lasts].flatMap(([file, last]) =>
        last < position && file < current && !writers.has(file) ? [file] : [],
      );
      if (gone.length === 0) return;
      for (const file of gone) {
        lasts.delete(file);
        first = Math.max(first, (file + 1) * filePages * PAGE_RECORDS);
        files.close(pathOf(file));
      }
      write(
        gone.map((file) => ({ type: "remove", path: pathOf(file) })),
        () => {},
      );
    },
    close: () => {
      for (const { open } of writers.values()) disk.close(open);
    },
  };
}

/**
 * Reads the pages from the oldest file on. The last position counts as not indexed, as the record of its second account
 * may not have been written: it comes again, and a reader passes over a position that comes twice.
 */
function load(
  { disk, folder, files, heldFrom }: IndexFiles,
  filePages: number,
  pathOf: (file: number) => string,
  onRecord: (hash: number, record: number) => void,
): Loaded {
  const numbers = disk.list(folder).flatMap((name) => {
    const number = NAME.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
  const kept = beginsInTime(disk, files, pathOf, numbers[0], heldFrom);
  const oldest = kept ? (numbers[0] ?? 0) : 0;
  if (!kept) for (const file of numbers.splice(0)) disk.remove(pathOf(file));
  const first = oldest * filePages * PAGE_RECORDS;
  const lasts = new Map<number, number>();
  let records = first;
  let last = 0;
  for (let file = oldest; numbers.includes(file); file++) {
    for (let number = 0; number < filePages; number++) {
      const page = pageOf(disk.read(files.get(pathOf(file)), number * PAGE_BYTES, PAGE_BYTES), number);
      if (page === undefined) {
        forget(disk, pathOf, { file, number, files: numbers });
        return { first, records, lasts, indexedTo: Math.max(0, last - 1) };
      }
      for (let at = 0; at < PAGE_RECORDS * RECORD_BYTES; at += RECORD_BYTES) {
        records += 1;
        onRecord(page.getUint32(at + 12, true), records);
        last = getUint48(page, at + 6);
      }
      lasts.set(file, last);
    }
  }
  return { first, records, lasts, indexedTo: Math.max(0, last - 1) };
}

/** Whether the oldest file reaches back to what can be indexed again: else an older one was lost, and all is made again. */
function beginsInTime(
  disk: Disk,
  files: OpenFiles,
  pathOf: (file: number) => string,
  oldest: number | undefined,
  heldFrom: number,
): boolean {
  if (oldest === undefined || oldest === 0) return true;
  const page = pageOf(disk.read(files.get(pathOf(oldest)), 0, PAGE_BYTES), 0);
  files.close(pathOf(oldest));
  return page !== undefined && getUint48(page, 6) <= heldFrom;
}

/** Pages behind one that cannot be read must not pass for what will be written there. */
function forget(
  disk: Disk,
  pathOf: (file: number) => string,
  { file, number, files }: { file: number; number: number; files: readonly number[] },
): void {
  const open = disk.open(pathOf(file), "existing");
  disk.truncate(open, number * PAGE_BYTES);
  disk.close(open);
  for (const later of files) if (later > file) disk.remove(pathOf(later));
}

/** 32 bits of the 128-bit id at `at`: ids that clients count up must not fall together. */
function hashAt(view: DataView, at: number): number {
  const low = view.getUint32(at, true);
  const middle = view.getUint32(at + 4, true);
  const high = view.getUint32(at + 8, true);
  const highest = view.getUint32(at + 12, true);
  return (low ^ Math.imul(middle, 0x85eb_ca6b) ^ Math.imul(high, 0xc2b2_ae35) ^ Math.imul(highest, 0x27d4_eb2f)) >>> 0;
}
