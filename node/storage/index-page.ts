import { crc32 } from "node:zlib";
import type { Disk } from "./disk.ts";
import type { DiskOp } from "./disk-job.ts";
import type { OpenFiles } from "./segment.ts";

/**
 * Pages of the files that answer questions about history. They can be made again from the log, so nothing waits for them
 * to be durable; a page that is not what was written is noticed by its checksum, and made again.
 *
 *     page   records…  zeros  number of the page (4)  records in it (4)  crc (4)
 */
export const PAGE_BYTES = 4096;
export const PAGE_ROOM = PAGE_BYTES - 12;

/** Where the files of an index stand, and what writes them. */
export type IndexFiles = {
  readonly disk: Disk;
  readonly folder: string;
  readonly files: OpenFiles;
  /** Entries from this position on can be indexed again. */
  readonly heldFrom: number;
  /** Nothing rests on these ops; `done` hears why the disk refused them. */
  readonly write: (ops: readonly DiskOp[], done: (refused: string | undefined) => void) => void;
};

/** How many records the page that begins at `start` has. */
export const recordsOf = (view: DataView, start: number): number => view.getUint32(start + RECORDS_AT, true);
const setRecords = (view: DataView, start: number, records: number): void =>
  view.setUint32(start + RECORDS_AT, records, true);
const RECORDS_AT = PAGE_ROOM + 4;

/** Seals a page whose first bytes are its records. */
export function sealPage(page: Uint8Array, number: number, records: number): void {
  const view = viewOf(page);
  view.setUint32(PAGE_ROOM, number, true);
  setRecords(view, 0, records);
  view.setUint32(PAGE_ROOM + 8, crc32(page.subarray(0, PAGE_ROOM + 8)), true);
}

/** The page of this number that these bytes begin with; undefined: it is not that page, or not what was written. */
export function pageOf(bytes: Uint8Array, number: number): DataView | undefined {
  if (bytes.length < PAGE_BYTES) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(PAGE_ROOM + 8, true) !== crc32(bytes.subarray(0, PAGE_ROOM + 8))) return undefined;
  if (view.getUint32(PAGE_ROOM, true) !== number) return undefined;
  return view;
}

const viewOf = (page: Uint8Array): DataView => new DataView(page.buffer, page.byteOffset, PAGE_BYTES);

/** Position of a journal entry, or number of a record: 48 bits. */
export function setUint48(view: DataView, at: number, value: number): void {
  // Takes the lower 32 bits by itself.
  view.setUint32(at, value, true);
  view.setUint16(at + 4, Math.floor(value / 0x1_0000_0000), true);
}

export const getUint48 = (view: DataView, at: number): number =>
  view.getUint32(at, true) + view.getUint16(at + 4, true) * 0x1_0000_0000;
