import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { assert } from "../base/assert.ts";
import { writeBuffers } from "./write-buffers.ts";

/**
 * The bytes of every file of this room, little-endian. Groups begin at multiples of `ALIGNMENT`:
 *
 *     file    header, twice (a lost sector must not take a whole segment), then groups
 *     header  magic (8)  kind (1)  flags (1)  zeros (6)  salt (8)  sequence (8)  first group's number (8)  durable (8)
 *             crc (4)
 *     group   magic (4)  length of heads (4)  length of bodies (4)  count (4)  number (8)  durable (8)  height (8)
 *             crc of heads (4)  crc (4)  head…  body…
 *     head    length of key (4)  length of body (4)  crc of body (4)  key
 *
 * A group is what one flush appended. Groups are numbered through all files of a log, and each says up to which number
 * everything was known to be durable when it was made. So a torn group (its number is above every `durable` that is
 * found) can be told from a decayed one, even if several groups were on their way when the power went.
 * Each checksum starts from the file's random salt, and a group's covers its offset: bytes that a client put into a
 * batch cannot pass for a group, nor can a group of another place or of a file's earlier life. A group's start never
 * shares a sector with the group before it: a torn write cannot reach back.
 */
export const ALIGNMENT = 512;
/** Where the first group begins. */
export const GROUPS_AT = 8192;
const HEADER_COPY_AT = 4096;
const HEADER_BYTES = 52;
export const GROUP_HEADER_BYTES = 48;
const HEAD_BYTES = 12;
/** Largest body: a car or a block of the largest size, with room. */
export const BODY_MAX_BYTES = 32 * 1024 * 1024;
/** Bodies of one group, unless one alone is larger. */
export const GROUP_BODIES_BYTES = 8 * 1024 * 1024;
const HEADS_MAX_BYTES = 64 * 1024 * 1024;

const FILE_MAGIC = new TextEncoder().encode("HMNLOG2\n");
const GROUP_MAGIC = 0x67_4e_4d_48;

/** The position is the tag on disk: append only. */
const FILE_KINDS = ["log", "votes", "snapshot", "mesh"] as const;
export type FileKind = (typeof FILE_KINDS)[number];

export type FileHeader = {
  readonly kind: FileKind;
  /** Records were lost before this file was made, so what is absent here proves nothing. */
  readonly amnesia: boolean;
  /** Start value of every checksum in this file. */
  readonly seed: number;
  /** The file's own number among those of its kind; for a snapshot its height. */
  readonly sequence: number;
  /** Groups of earlier files with this number or a higher one are void: their writes were refused. */
  readonly firstGroup: number;
  /** Every group up to this number was durable when the file got its name. */
  readonly durable: number;
};

export const align = (position: number): number => Math.ceil(position / ALIGNMENT) * ALIGNMENT;

/** A new header with a salt of its own, and the first `GROUPS_AT` bytes of the file. */
export function newFileHeader(facts: Omit<FileHeader, "seed">): { readonly header: FileHeader; bytes: Uint8Array } {
  const copy = new Uint8Array(HEADER_BYTES);
  const view = new DataView(copy.buffer);
  copy.set(FILE_MAGIC, 0);
  copy[8] = FILE_KINDS.indexOf(facts.kind);
  copy[9] = facts.amnesia ? 1 : 0;
  const salt = randomBytes(8);
  copy.set(salt, 16);
  view.setBigUint64(24, BigInt(facts.sequence), true);
  view.setBigUint64(32, BigInt(facts.firstGroup), true);
  view.setBigUint64(40, BigInt(facts.durable), true);
  view.setUint32(48, crc32(copy.subarray(0, 48)), true);
  const bytes = new Uint8Array(GROUPS_AT);
  bytes.set(copy, 0);
  bytes.set(copy, HEADER_COPY_AT);
  return { header: { ...facts, seed: crc32(salt) }, bytes };
}

/** The header of a file's first `GROUPS_AT` bytes: one whole copy is enough. Undefined: neither is one. */
export function parseFileHeader(bytes: Uint8Array): FileHeader | undefined {
  return parseHeaderCopy(bytes.subarray(0, HEADER_BYTES)) ?? parseHeaderCopy(bytes.subarray(HEADER_COPY_AT));
}

function parseHeaderCopy(copy: Uint8Array): FileHeader | undefined {
  if (copy.length < HEADER_BYTES) return undefined;
  const view = viewOf(copy);
  if (!FILE_MAGIC.every((byte, index) => byte === copy[index])) return undefined;
  if (view.getUint32(48, true) !== crc32(copy.subarray(0, 48))) return undefined;
  const kind = FILE_KINDS[copy[8] ?? FILE_KINDS.length];
  if (kind === undefined) return undefined;
  return {
    kind,
    amnesia: copy[9] !== 0,
    seed: crc32(copy.subarray(16, 24)),
    sequence: Number(view.getBigUint64(24, true)),
    firstGroup: Number(view.getBigUint64(32, true)),
    durable: Number(view.getBigUint64(40, true)),
  };
}

/** What a group says of itself and of the log when it was made. */
export type GroupFacts = {
  /** From 1, without gaps through all files of a log. */
  readonly number: number;
  /** Every group up to this number was durable. */
  readonly durable: number;
  /** Highest block that was durable, or is in this group or one before it. */
  readonly height: number;
};

/** A record as it is written: what is needed to find it, and what it holds. */
export type GroupRecord = { readonly key: Uint8Array; readonly body: Uint8Array };

/** Where a body stands in its file, and what it must add up to. */
export type BodyPlace = { readonly offset: number; readonly length: number; readonly crc: number };

export type GroupHeader = GroupFacts & {
  readonly headsLength: number;
  readonly bodiesLength: number;
  readonly count: number;
  readonly headsCrc: number;
};

/** Bytes from the group's start to its end, without the gap to the next multiple of `ALIGNMENT`. */
export const groupLength = ({ headsLength, bodiesLength }: GroupHeader): number =>
  GROUP_HEADER_BYTES + headsLength + bodiesLength;

/** One group, as it is written at `position`; `head`, its header and heads alone; and where its bodies come to stand, in order. */
export function encodeGroup(
  seed: number,
  position: number,
  facts: GroupFacts,
  records: readonly GroupRecord[],
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly head: Uint8Array; readonly places: readonly BodyPlace[] } {
  assert(position % ALIGNMENT === 0, "groups are aligned");
  const headsLength = records.reduce((sum, { key }) => sum + HEAD_BYTES + key.length, 0);
  const bodiesLength = records.reduce((sum, { body }) => sum + body.length, 0);
  const bytes = writeBuffers.take(GROUP_HEADER_BYTES + headsLength + bodiesLength);
  const view = viewOf(bytes);
  const places: BodyPlace[] = [];
  let head = GROUP_HEADER_BYTES;
  let body = GROUP_HEADER_BYTES + headsLength;
  for (const record of records) {
    assert(record.body.length <= BODY_MAX_BYTES, "a body is within its limit");
    const crc = crc32(record.body, seed);
    view.setUint32(head, record.key.length, true);
    view.setUint32(head + 4, record.body.length, true);
    view.setUint32(head + 8, crc, true);
    bytes.set(record.key, head + HEAD_BYTES);
    bytes.set(record.body, body);
    places.push({ offset: position + body, length: record.body.length, crc });
    head += HEAD_BYTES + record.key.length;
    body += record.body.length;
  }
  view.setUint32(0, GROUP_MAGIC, true);
  view.setUint32(4, headsLength, true);
  view.setUint32(8, bodiesLength, true);
  view.setUint32(12, records.length, true);
  view.setBigUint64(16, BigInt(facts.number), true);
  view.setBigUint64(24, BigInt(facts.durable), true);
  view.setBigUint64(32, BigInt(facts.height), true);
  view.setUint32(40, crc32(bytes.subarray(GROUP_HEADER_BYTES, GROUP_HEADER_BYTES + headsLength), seed), true);
  view.setUint32(44, headerCrc(seed, position, bytes), true);
  return { bytes, head: bytes.subarray(0, GROUP_HEADER_BYTES + headsLength), places };
}

/** The header of the group that starts at `position`, or undefined if none does. */
export function parseGroupHeader(seed: number, position: number, bytes: Uint8Array): GroupHeader | undefined {
  if (bytes.length < GROUP_HEADER_BYTES) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== GROUP_MAGIC) return undefined;
  if (view.getUint32(44, true) !== headerCrc(seed, position, bytes)) return undefined;
  const header = {
    headsLength: view.getUint32(4, true),
    bodiesLength: view.getUint32(8, true),
    count: view.getUint32(12, true),
    number: Number(view.getBigUint64(16, true)),
    durable: Number(view.getBigUint64(24, true)),
    height: Number(view.getBigUint64(32, true)),
    headsCrc: view.getUint32(40, true),
  };
  return header.headsLength <= HEADS_MAX_BYTES ? header : undefined;
}

/** A record as it is found: its key, and where its body stands. */
export type FoundRecord = { readonly key: Uint8Array; readonly place: BodyPlace };

/** The records of the group at `position`, or undefined if its heads are not what was written. */
export function parseHeads(
  seed: number,
  position: number,
  header: GroupHeader,
  heads: Uint8Array,
): readonly FoundRecord[] | undefined {
  if (heads.length !== header.headsLength || crc32(heads, seed) !== header.headsCrc) return undefined;
  const view = viewOf(heads);
  const records: FoundRecord[] = [];
  let at = 0;
  let offset = position + GROUP_HEADER_BYTES + header.headsLength;
  for (let index = 0; index < header.count; index++) {
    const keyLength = view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    const place = { offset, length, crc: view.getUint32(at + 8, true) };
    records.push({ key: heads.slice(at + HEAD_BYTES, at + HEAD_BYTES + keyLength), place });
    at += HEAD_BYTES + keyLength;
    offset += length;
  }
  return records;
}

export const bodyIntact = (seed: number, place: BodyPlace, body: Uint8Array): boolean =>
  body.length === place.length && crc32(body, seed) === place.crc;

function headerCrc(seed: number, position: number, bytes: Uint8Array): number {
  const where = new Uint8Array(8);
  new DataView(where.buffer).setBigUint64(0, BigInt(position), true);
  return crc32(where, crc32(bytes.subarray(0, 44), seed));
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
