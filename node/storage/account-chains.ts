import { join } from "node:path";
import { present } from "../base/assert.ts";
import type { Disk } from "./disk.ts";
import type { DiskOp } from "./disk-job.ts";
import { headTable } from "./head-table.ts";
import { getUint48, type IndexFiles, PAGE_BYTES, PAGE_ROOM, pageOf, sealPage, setUint48 } from "./index-page.ts";
import type { OpenFiles } from "./segment.ts";

/**
 * The journal entries of each account, newest first: every record names the record before it of the same account, the
 * newest ones are found in a table in memory. 16 bytes a record on disk: previous record (6), position (6), hash of the
 * account (4). Accounts that share a hash share a chain; the reader tells them apart by the entries themselves.
 */
export type AccountChains = {
  /** Positions up to this one are in the chains. */
  indexedTo(): number;
  /** An entry of the accounts at two places. Positions in order; those that are in the chains already are passed over. */
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
/** Full pages that are written together. */
const WRITE_PAGES = 64;
const NAME = /^history-account-chain-([0-9]{6})\.idx$/;

/** `lasts`: the newest position in each file. */
type Loaded = {
  readonly first: number;
  readonly records: number;
  readonly indexedTo: number;
  readonly lasts: Map<number, number>;
};
type Page = { readonly bytes: Uint8Array<ArrayBuffer>; readonly view: DataView };

/** Opens what is there, page by page, as far as it is whole. */
export function openAccountChains(parts: IndexFiles, filePages = FILE_PAGES): AccountChains {
  const { disk, folder, files, write } = parts;
  const pathOf = (file: number): string => join(folder, `history-account-chain-${String(file).padStart(6, "0")}.idx`);
  const heads = headTable();
  const loaded = load(parts, filePages, pathOf, (hash, record) => heads.replace(hash, record));
  const { lasts } = loaded;
  let { first, records, indexedTo } = loaded;
  /** Pages that are being filled or are not written yet, by number. */
  const held = new Map<number, Page>();
  let filling = newPage();
  let unwritten: number[] = [];
  const writers = new Map<number, number>();

  const writePages = (): void => {
    const numbers = unwritten;
    unwritten = [];
    const ops = [...Map.groupBy(numbers, (number) => Math.floor(number / filePages))].map(([file, pages]): DiskOp => {
      const path = pathOf(file);
      const open = writers.get(file) ?? disk.open(path, disk.exists(path) ? "existing" : "create");
      writers.set(file, open);
      // Pages stay readable while they are written, so the thread is given a copy.
      const bytes = new Uint8Array(pages.length * PAGE_BYTES);
      for (const [index, number] of pages.entries())
        bytes.set(present(held.get(number), "what is not written is held").bytes, index * PAGE_BYTES);
      return { type: "write", file: open, position: ((pages[0] ?? 0) % filePages) * PAGE_BYTES, bytes };
    });
    // Refused: they stay in memory, and the next process makes them again.
    write(ops, (refused) => {
      if (refused === undefined) for (const number of numbers) held.delete(number);
      for (const [file, open] of writers) {
        if (unwritten.length > 0 || file >= Math.floor(records / PAGE_RECORDS / filePages)) continue;
        disk.close(open);
        writers.delete(file);
      }
    });
  };
  const append = (position: number, hash: number): void => {
    const number = Math.floor(records / PAGE_RECORDS);
    if (records % PAGE_RECORDS === 0) {
      filling = newPage();
      held.set(number, filling);
    }
    const { bytes, view } = filling;
    const at = (records % PAGE_RECORDS) * RECORD_BYTES;
    records += 1;
    setUint48(view, at, heads.replace(hash, records));
    setUint48(view, at + 6, position);
    view.setUint32(at + 12, hash, true);
    if (records % PAGE_RECORDS > 0) return;
    lasts.set(Math.floor(number / filePages), position);
    sealPage(bytes, number % filePages, PAGE_RECORDS);
    unwritten.push(number);
    if (unwritten.length >= Math.min(WRITE_PAGES, filePages)) writePages();
  };
  return {
    indexedTo: () => indexedTo,
    add: (position, view, accountAt, otherAt) => {
      if (position <= indexedTo) return;
      indexedTo = position;
      const hash = hashAt(view, accountAt);
      const other = hashAt(view, otherAt);
      append(position, hash);
      if (other !== hash) append(position, other);
    },
    pass: (position) => {
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
      const bytes = (): Uint8Array => disk.read(files.get(pathOf(file)), page * PAGE_BYTES, PAGE_BYTES);
      const view = held.get(number)?.view ?? pageOf(bytes(), page);
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
      for (const open of writers.values()) disk.close(open);
    },
  };
}

function newPage(): Page {
  const bytes = new Uint8Array(PAGE_BYTES);
  return { bytes, view: new DataView(bytes.buffer) };
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
