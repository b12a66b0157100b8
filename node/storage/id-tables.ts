import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Disk } from "./disk.ts";
import type { DiskOp } from "./disk-job.ts";
import {
  getUint48,
  type IndexFiles,
  PAGE_BYTES,
  PAGE_ROOM,
  pageOf,
  recordsOf,
  sealPage,
  setUint48,
} from "./index-page.ts";

/**
 * Where the transfer of an id stands in the journal. Ids go into a table of pages, 24 bytes each: id (16), position (6), zeros
 * (2); each to the page that its seeded hash names, or behind it where that is full. A table that has its number of ids is
 * written as one file, and the next one begins. Ids begin with their time and are taken within minutes of it, so the times
 * of tables hardly overlap, and a look-up reads a page of few of them.
 */
export type IdTables = {
  /** Positions up to this one are in the index. */
  indexedTo(): number;
  /** The id at `at`. Positions in order; those that are in the index already are passed over. */
  add(position: number, view: DataView, at: number): void;
  /** The entries up to this position have no other id to be found by. */
  pass(position: number): void;
  find(id: bigint): number | undefined;
  /** Tables go whose every position is below this one and whose every id's time is before this. */
  dropBelow(position: number, beforeMs: number): void;
};

const RECORD_BYTES = 24;
const ID_BYTES = 16;
const PAGE_RECORDS = Math.floor(PAGE_ROOM / RECORD_BYTES);
/** So full is a table on average when it is written: a page that overflows is rare then. */
const PAGE_IDS = 128;
/** Ids of one table: 4 MiB on disk. */
const TABLE_IDS = 1024 * PAGE_IDS;
const NAME = /^history-id-table-([0-9]{15})-([0-9]{15})\.idx$/;
const digits = (position: number): string => String(position).padStart(15, "0");

/** What the page behind the others tells: earliest (6) and latest (6) millisecond of the ids, seed (4). */
type Summary = { lowestMs: number; highestMs: number; readonly seed: number };
/** In memory, shared with the thread that writes it. */
type Table = Summary & {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly view: DataView;
  readonly words: Uint32Array;
  /** Records in each page: side by side, where the pages themselves are far from each other. */
  readonly records: Uint8Array;
  ids: number;
};
type Page = { readonly view: DataView; readonly records: number };
/** On disk. */
type File = Readonly<Summary> & { readonly path: string; readonly to: number; readonly pages: number };

/** Opens the tables that are there, as far as they follow each other and are whole. */
export function openIdTables(parts: IndexFiles, tableIds = TABLE_IDS): IdTables {
  const { disk, folder, files, write } = parts;
  const pages = Math.ceil(tableIds / PAGE_IDS);
  let written = loadFiles(parts);
  let from = (written.at(-1)?.to ?? 0) + 1;
  let indexedTo = from - 1;
  let table = newTable(pages);
  /** Memory of a table that is written: asking the system for as much anew costs more than filling it. */
  let spare: Uint8Array<SharedArrayBuffer> | undefined;
  /** Tables whose files are not there yet. */
  const writing = new Set<Table>();

  const begin = (): void => {
    const full = table;
    const { lowestMs, highestMs, seed } = full;
    const path = join(folder, `history-id-table-${digits(from)}-${digits(indexedTo)}.idx`);
    const file: File = { path, to: indexedTo, pages, lowestMs, highestMs, seed };
    seal(full, pages);
    table = newTable(pages, spare);
    spare = undefined;
    from = indexedTo + 1;
    writing.add(full);
    const open = disk.open(`${path}.new`, "create");
    const ops: readonly DiskOp[] = [
      { type: "write", file: open, position: 0, bytes: full.bytes },
      { type: "sync", file: open },
      { type: "rename", from: `${path}.new`, to: path },
    ];
    write(ops, (refused) => {
      disk.close(open);
      // Refused: it stays in memory, and the next process makes it again.
      if (refused !== undefined) return;
      writing.delete(full);
      written.push(file);
      spare = full.bytes;
    });
  };
  return {
    indexedTo: () => indexedTo,
    add: (position, view, at) => {
      if (position <= indexedTo) return;
      indexedTo = position;
      put(table, pages, { position, view, at });
      if (table.ids === tableIds) begin();
    },
    pass: (position) => {
      indexedTo = Math.max(indexedTo, position);
    },
    find: (id) => {
      const wanted = new DataView(new ArrayBuffer(16));
      wanted.setBigUint64(0, BigInt.asUintN(64, id), true);
      wanted.setBigUint64(8, id >> 64n, true);
      for (const { bytes, records, seed } of [table, ...writing]) {
        const pageAt = (page: number): Page => ({
          view: new DataView(bytes.buffer, page * PAGE_BYTES, PAGE_BYTES),
          records: records[page] as number,
        });
        const position = search(wanted, { pages, seed }, pageAt);
        if (position !== undefined) return position;
      }
      const ms = msAt(wanted, 0);
      for (const file of written.toReversed()) {
        if (ms < file.lowestMs || ms > file.highestMs) continue;
        const position = search(wanted, file, (page) => {
          const view = readPage(disk, files.get(file.path), page);
          return view === undefined ? undefined : { view, records: recordsOf(view, 0) };
        });
        if (position !== undefined) return position;
      }
      return undefined;
    },
    dropBelow: (position, beforeMs) => {
      const gone = written.filter(({ to, highestMs }) => to < position && highestMs < beforeMs);
      if (gone.length === 0) return;
      written = written.filter((file) => !gone.includes(file));
      for (const { path } of gone) files.close(path);
      write(
        gone.map(({ path }) => ({ type: "remove", path })),
        () => {},
      );
    },
  };
}

function newTable(pages: number, spare?: Uint8Array<SharedArrayBuffer>): Table {
  const bytes = spare?.fill(0) ?? new Uint8Array(new SharedArrayBuffer((pages + 1) * PAGE_BYTES));
  const [view, words] = [new DataView(bytes.buffer), new Uint32Array(bytes.buffer)];
  // Random: whoever chooses ids does not choose their pages, or one page's would be searched through all others.
  const seed = randomBytes(4).readUInt32LE();
  const records = new Uint8Array(pages);
  return { bytes, view, words, records, seed, ids: 0, lowestMs: Number.POSITIVE_INFINITY, highestMs: 0 };
}

type NewId = { readonly position: number; readonly view: DataView; readonly at: number };

function put(table: Table, pages: number, { position, view, at }: NewId): void {
  const { words, records } = table;
  let page = firstPage(pages, table.seed, view, at);
  while (records[page] === PAGE_RECORDS) page = page + 1 === pages ? 0 : page + 1;
  const before = records[page] as number;
  records[page] = before + 1;
  const to = (page * PAGE_BYTES + before * RECORD_BYTES) / 4;
  for (let word = 0; word < ID_BYTES / 4; word++) words[to + word] = view.getUint32(at + 4 * word, true);
  words[to + 4] = position;
  words[to + 5] = Math.floor(position / 0x1_0000_0000);
  const ms = msAt(view, at);
  table.ids += 1;
  if (ms < table.lowestMs) table.lowestMs = ms;
  if (ms > table.highestMs) table.highestMs = ms;
}

/** Milliseconds of the id at `at`: its upper 48 bits. */
const msAt = (view: DataView, at: number): number => getUint48(view, at + 10);

/** The page where an id is looked for first. */
function firstPage(pages: number, seed: number, view: DataView, at: number): number {
  let hash = seed;
  for (let byte = 0; byte < ID_BYTES; byte += 4) {
    hash = Math.imul(hash ^ view.getUint32(at + byte, true), 0x9e37_79b1);
    hash = Math.imul(hash ^ (hash >>> 15), 0x85eb_ca6b);
  }
  return ((hash ^ (hash >>> 13)) >>> 0) % pages;
}

/** Looks from the id's first page on until one has room; a page that cannot be read ends it: the next process makes it again. */
function search(
  wanted: DataView,
  { pages, seed }: { pages: number; seed: number },
  pageAt: (page: number) => Page | undefined,
): number | undefined {
  const first = firstPage(pages, seed, wanted, 0);
  for (let step = 0; step < pages; step++) {
    const page = pageAt((first + step) % pages);
    if (page === undefined) return undefined;
    const { view, records } = page;
    for (let at = 0; at < records * RECORD_BYTES; at += RECORD_BYTES) {
      if (view.getBigUint64(at, true) !== wanted.getBigUint64(0, true)) continue;
      if (view.getBigUint64(at + 8, true) === wanted.getBigUint64(8, true)) return getUint48(view, at + ID_BYTES);
    }
    if (records < PAGE_RECORDS) return undefined;
  }
  return undefined;
}

const readPage = (disk: Disk, file: number, page: number): DataView | undefined =>
  pageOf(disk.read(file, page * PAGE_BYTES, PAGE_BYTES), page);

function seal({ bytes, view, records, lowestMs, highestMs, seed }: Table, pages: number): void {
  const summary = pages * PAGE_BYTES;
  setUint48(view, summary, lowestMs);
  setUint48(view, summary + 6, highestMs);
  view.setUint32(summary + 12, seed, true);
  for (let page = 0; page <= pages; page++) {
    const start = page * PAGE_BYTES;
    sealPage(bytes.subarray(start, start + PAGE_BYTES), page, records[page] ?? 0);
  }
}

function loadFiles({ disk, folder, files, heldFrom }: IndexFiles): File[] {
  for (const name of disk.list(folder)) if (/^history-id-table-.*\.new$/.test(name)) disk.remove(join(folder, name));
  const loaded: File[] = [];
  let stale = false;
  for (const name of disk.list(folder)) {
    const [, from, to] = NAME.exec(name) ?? [];
    if (from === undefined || to === undefined) continue;
    const path = join(folder, name);
    const summary = readWhole(disk, files.get(path));
    // The first one may begin late only where what came before cannot be indexed again.
    const follows = loaded.length === 0 ? Number(from) <= heldFrom : Number(from) === (loaded.at(-1)?.to ?? 0) + 1;
    // What follows a table that is gone is made again with it.
    if (stale || !follows || summary === undefined) {
      stale = true;
      files.close(path);
      disk.remove(path);
      continue;
    }
    loaded.push({ ...summary, path, to: Number(to) });
  }
  return loaded;
}

/** What the last page of a file tells, if all of its pages are what was written. */
function readWhole(disk: Disk, file: number): (Summary & { readonly pages: number }) | undefined {
  const pages = Math.ceil(disk.size(file) / PAGE_BYTES) - 1;
  let last: DataView | undefined;
  for (let page = 0; page <= pages; page++) {
    last = readPage(disk, file, page);
    if (last === undefined) return undefined;
  }
  if (last === undefined || pages === 0) return undefined;
  return { pages, lowestMs: getUint48(last, 0), highestMs: getUint48(last, 6), seed: last.getUint32(12, true) };
}
