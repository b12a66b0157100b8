import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { assert } from "../base/assert.ts";
import { concatBytes } from "../base/bytes.ts";

/**
 * The bytes of a record log, little-endian:
 *
 *     file    magic (8)  flags (4)  salt (8)  crc (4)  group…
 *     group   length of its records (4)  crc (4)  record…
 *     record  length (4)  crc (4)  payload
 *
 * A group is what one step appended; it is written by one write and synced before the next one begins, so only the last
 * group can be incomplete. Each checksum starts from the file's random salt, and a group's covers its offset too: bytes
 * that a client put into a block cannot pass for a group, nor can a group of another place or file.
 */
export const FILE_HEADER_BYTES = 24;
export const GROUP_HEADER_BYTES = 8;
export const RECORD_HEADER_BYTES = 8;
export const RECORD_MAX_BYTES = 64 * 1024 * 1024;

const MAGIC = new TextEncoder().encode("HMNLOG1\n");

export type FileHeader = {
  /** True: records were lost before this file was made, so what is absent here proves nothing. */
  readonly amnesia: boolean;
  /** Start value of every checksum in this file. */
  readonly seed: number;
};

export function newFileHeader(amnesia: boolean): { readonly header: FileHeader; readonly bytes: Uint8Array } {
  const bytes = new Uint8Array(FILE_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, 0);
  view.setUint32(8, amnesia ? 1 : 0, true);
  const salt = randomBytes(8);
  bytes.set(salt, 12);
  view.setUint32(20, crc32(bytes.subarray(0, 20)), true);
  return { header: { amnesia, seed: crc32(salt) }, bytes };
}

/** The header, or undefined if these bytes are not one. */
export function parseFileHeader(bytes: Uint8Array): FileHeader | undefined {
  if (bytes.length < FILE_HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!MAGIC.every((byte, index) => byte === bytes[index])) return undefined;
  if (view.getUint32(20, true) !== crc32(bytes.subarray(0, 20))) return undefined;
  return { amnesia: view.getUint32(8, true) !== 0, seed: crc32(bytes.subarray(12, 20)) };
}

function groupCrc(seed: number, offset: number, length: number): number {
  const covered = new Uint8Array(12);
  const view = new DataView(covered.buffer);
  view.setUint32(0, length, true);
  view.setBigUint64(4, BigInt(offset), true);
  return crc32(covered, seed);
}

/** Length of the records of the group that starts at `offset`, or undefined if no group starts there. */
export function parseGroupHeader(seed: number, offset: number, bytes: Uint8Array): number | undefined {
  if (bytes.length < GROUP_HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, true);
  return view.getUint32(4, true) === groupCrc(seed, offset, length) ? length : undefined;
}

const recordCrc = (seed: number, length: Uint8Array, payload: Uint8Array): number =>
  crc32(payload, crc32(length, seed));

/** Length of the payload behind this record header; the checksum is judged by `recordIntact`. */
export const recordLength = (header: Uint8Array): number =>
  new DataView(header.buffer, header.byteOffset, header.byteLength).getUint32(0, true);

export function recordIntact(seed: number, header: Uint8Array, payload: Uint8Array): boolean {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  return view.getUint32(4, true) === recordCrc(seed, header.subarray(0, 4), payload);
}

/** One group with these records, as it is written at `offset`. */
export function encodeGroup(seed: number, offset: number, records: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let length = 0;
  for (const payload of records) {
    assert(payload.length <= RECORD_MAX_BYTES, "record within its limit");
    const header = new Uint8Array(RECORD_HEADER_BYTES);
    const view = new DataView(header.buffer);
    view.setUint32(0, payload.length, true);
    view.setUint32(4, recordCrc(seed, header.subarray(0, 4), payload), true);
    parts.push(header, payload);
    length += RECORD_HEADER_BYTES + payload.length;
  }
  assert(length <= 0xffff_ffff, "group length fits its field");
  const header = new Uint8Array(GROUP_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(0, length, true);
  view.setUint32(4, groupCrc(seed, offset, length), true);
  return concatBytes(header, ...parts);
}
