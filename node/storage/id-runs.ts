import { join } from "node:path";
import type { Disk } from "./disk.ts";
import type { DiskOp } from "./disk-job.ts";
import { getUint48, type IndexFiles, PAGE_BYTES, PAGE_ROOM, pageOf, sealPage, setUint48 } from "./index-page.ts";

/**
 * Where the transfer of an id stands in the journal. Ids are collected in memory and written as runs, sorted by id, of 24
 * bytes each: id (16), position (6), zeros (2). Ids begin with their time and are taken within minutes of it, so the
 * runs' ranges hardly overlap, and a look-up searches few of them.
 */
export type IdRuns = {
  /** Positions up to this one are in the index. */
  indexedTo(): number;
  /** Positions in order; those that are in the index already are passed over. */
  add(position: number, id: bigint | undefined): void;
  find(id: bigint): number | undefined;
  /** Runs go whose every position is below this one and whose every id's time is before this. */
  dropBelow(position: number, beforeMs: number): void;
};

const RECORD_BYTES = 24;
const PAGE_RECORDS = Math.floor(PAGE_ROOM / RECORD_BYTES);
/** Ids of one run: 4 MiB on disk. */
export const RUN_IDS = 1024 * PAGE_RECORDS;
const NAME = /^history-ids-([0-9]{15})-([0-9]{15})\.idx$/;
const digits = (position: number): string => String(position).padStart(15, "0");

type Run = {
  readonly path: string;
  /** Positions that it covers. */
  readonly from: number;
  readonly to: number;
  readonly pages: number;
  readonly lowest: bigint;
  readonly highest: bigint;
};

/** Opens the runs that are there, as far as they follow each other and are whole. */
export function openIdRuns(parts: IndexFiles, runIds = RUN_IDS): IdRuns {
  const { disk, folder, files, write } = parts;
  let runs = loadRuns(parts);
  let from = (runs.at(-1)?.to ?? 0) + 1;
  let indexedTo = from - 1;
  /** Ids since the newest run, and those of runs that are being written. */
  let recent = new Map<bigint, number>();
  const writing = new Set<ReadonlyMap<bigint, number>>();

  const seal = (): void => {
    const ids = recent;
    const path = join(folder, `history-ids-${digits(from)}-${digits(indexedTo)}.idx`);
    const bytes = encodeRun(ids);
    const run = runOf(path, { from, to: indexedTo }, bytes);
    recent = new Map();
    from = indexedTo + 1;
    writing.add(ids);
    const file = disk.open(`${path}.new`, "create");
    const ops: readonly DiskOp[] = [
      { type: "write", file, position: 0, bytes },
      { type: "sync", file },
      { type: "rename", from: `${path}.new`, to: path },
    ];
    write(ops, (refused) => {
      disk.close(file);
      // Refused: they stay in memory, and the next process makes them again.
      if (refused !== undefined) return;
      writing.delete(ids);
      runs.push(run);
    });
  };
  return {
    indexedTo: () => indexedTo,
    add: (position, id) => {
      if (position <= indexedTo) return;
      indexedTo = position;
      if (id !== undefined) recent.set(id, position);
      if (recent.size >= runIds) seal();
    },
    find: (id) => {
      for (const ids of [recent, ...writing]) {
        const position = ids.get(id);
        if (position !== undefined) return position;
      }
      for (const run of runs.toReversed()) {
        const position = id < run.lowest || id > run.highest ? undefined : search(disk, files.get(run.path), run, id);
        if (position !== undefined) return position;
      }
      return undefined;
    },
    dropBelow: (position, beforeMs) => {
      const gone = runs.filter(({ to, highest }) => to < position && Number(highest >> 80n) < beforeMs);
      if (gone.length === 0) return;
      runs = runs.filter((run) => !gone.includes(run));
      for (const { path } of gone) files.close(path);
      write(
        gone.map(({ path }) => ({ type: "remove", path })),
        () => {},
      );
    },
  };
}

function encodeRun(ids: ReadonlyMap<bigint, number>): Uint8Array<ArrayBuffer> {
  const sorted = [...ids].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const bytes = new Uint8Array(Math.ceil(sorted.length / PAGE_RECORDS) * PAGE_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, [id, position]] of sorted.entries()) {
    const at = Math.floor(index / PAGE_RECORDS) * PAGE_BYTES + (index % PAGE_RECORDS) * RECORD_BYTES;
    view.setBigUint64(at, BigInt.asUintN(64, id), true);
    view.setBigUint64(at + 8, id >> 64n, true);
    setUint48(view, at + 16, position);
  }
  for (let page = 0; page * PAGE_BYTES < bytes.length; page++) {
    const records = Math.min(PAGE_RECORDS, sorted.length - page * PAGE_RECORDS);
    sealPage(bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES), page, records);
  }
  return bytes;
}

const idAt = (view: DataView, index: number): bigint =>
  view.getBigUint64(index * RECORD_BYTES, true) | (view.getBigUint64(index * RECORD_BYTES + 8, true) << 64n);

/** What is known of a run from its first and last page. */
function runOf(path: string, { from, to }: { from: number; to: number }, bytes: Uint8Array): Run {
  const pages = bytes.length / PAGE_BYTES;
  const first = pageOf(bytes.subarray(0, PAGE_BYTES), 0);
  const last = pageOf(bytes.subarray((pages - 1) * PAGE_BYTES), pages - 1);
  const lowest = first === undefined ? 0n : idAt(first.view, 0);
  return { path, from, to, pages, lowest, highest: last === undefined ? 0n : idAt(last.view, last.records - 1) };
}

function loadRuns({ disk, folder, files, heldFrom }: IndexFiles): Run[] {
  for (const name of disk.list(folder)) if (/^history-ids-.*\.new$/.test(name)) disk.remove(join(folder, name));
  const runs: Run[] = [];
  let stale = false;
  for (const name of disk.list(folder)) {
    const [, from, to] = NAME.exec(name) ?? [];
    if (from === undefined || to === undefined) continue;
    const path = join(folder, name);
    const file = files.get(path);
    const bytes = disk.read(file, 0, disk.size(file));
    const pages = Math.ceil(bytes.length / PAGE_BYTES);
    // The first one may begin late only where what came before cannot be indexed again.
    const follows = runs.length === 0 ? Number(from) <= heldFrom : Number(from) === (runs.at(-1)?.to ?? 0) + 1;
    const whole = Array.from({ length: pages }, (_, page) => pageOf(bytes.subarray(page * PAGE_BYTES), page)).every(
      (page) => page !== undefined,
    );
    // What follows a run that is gone is made again with it.
    if (stale || !follows || !whole || pages === 0) {
      stale = true;
      files.close(path);
      disk.remove(path);
      continue;
    }
    runs.push(runOf(path, { from: Number(from), to: Number(to) }, bytes));
  }
  return runs;
}

function search(disk: Disk, file: number, { pages }: Run, id: bigint): number | undefined {
  let low = 0;
  let high = pages;
  while (low < high) {
    const middle = (low + high) >> 1;
    const page = pageOf(disk.read(file, middle * PAGE_BYTES, PAGE_BYTES), middle);
    // It is made again by the next process; until then this id is not found.
    if (page === undefined) return undefined;
    const { view, records } = page;
    if (id < idAt(view, 0)) high = middle;
    else if (id > idAt(view, records - 1)) low = middle + 1;
    else return searchPage(view, records, id);
  }
  return undefined;
}

function searchPage(view: DataView, records: number, id: bigint): number | undefined {
  for (let index = 0; index < records; index++) {
    if (idAt(view, index) === id) return getUint48(view, index * RECORD_BYTES + 16);
  }
  return undefined;
}
