import { crc32 } from "node:zlib";
import type { Disk } from "./disk.ts";
import { GROUP_HEADER_BYTES, groupLength, parseGroupHeader, parseHeads } from "./group.ts";
import type { FoundGroup } from "./scan.ts";
import type { Segment } from "./segment.ts";

/**
 * What stands in a segment that is full: its groups without their bodies, so that opening a log need not read it.
 * Little-endian; the checksum starts from the segment's salt, so an index of another life of the file is none.
 *
 *     index   magic (8)  groups (4)  group…  crc (4)
 *     group   position (8)  length (4)  header and heads as they stand in the segment
 *
 * It is made only of groups that were all durable, and holds only while it has every group up to the next segment's first.
 */
export type SegmentIndex = readonly FoundGroup[];

/** A segment of nothing but tiny records has an index as large as itself: such a one is read instead. */
export const INDEX_BYTES_MAX = 32 * 1024 * 1024;
const MAGIC = new TextEncoder().encode("HMNIDX1\n");
const HEAD_BYTES = MAGIC.length + 4;
const GROUP_HEAD_BYTES = 12;

export const indexPathOf = (segmentPath: string): string => segmentPath.replace(/\.seg$/, ".idx");

/** One group, as it goes into the index. */
export function indexedGroup({ position, head }: Pick<FoundGroup, "position" | "head">): Uint8Array {
  const bytes = new Uint8Array(GROUP_HEAD_BYTES + head.length);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(position), true);
  view.setUint32(8, head.length, true);
  bytes.set(head, GROUP_HEAD_BYTES);
  return bytes;
}

/** The file of an index of these groups. */
export function encodeIndex(seed: number, groups: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = groups.reduce((sum, group) => sum + group.length, HEAD_BYTES + 4);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, 0);
  view.setUint32(MAGIC.length, groups.length, true);
  let at = HEAD_BYTES;
  for (const group of groups) {
    bytes.set(group, at);
    at += group.length;
  }
  view.setUint32(at, crc32(bytes.subarray(0, at), seed), true);
  return bytes;
}

/** The index of a segment that ends where group `nextGroup` begins the next one; undefined: there is none that holds. */
export function readIndex(
  disk: Disk,
  { path, header }: Segment,
  nextGroup: number,
  onBytes: (bytes: number) => void,
): SegmentIndex | undefined {
  const from = indexPathOf(path);
  if (header === undefined || !Number.isFinite(nextGroup) || !disk.exists(from)) return undefined;
  const file = disk.open(from, "reading");
  let bytes: Uint8Array;
  try {
    bytes = disk.read(file, 0, disk.size(file));
  } finally {
    disk.close(file);
  }
  onBytes(bytes.length);
  const groups = parseIndex(bytes, header.seed);
  const gapless = groups?.every(({ number }, index) => number === header.firstGroup + index);
  return gapless && header.firstGroup + (groups?.length ?? 0) === nextGroup ? groups : undefined;
}

function parseIndex(bytes: Uint8Array, seed: number): SegmentIndex | undefined {
  const end = bytes.length - 4;
  if (end < HEAD_BYTES || MAGIC.some((byte, at) => bytes[at] !== byte)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(end, true) !== crc32(bytes.subarray(0, end), seed)) return undefined;
  const groups: FoundGroup[] = [];
  let at = HEAD_BYTES;
  for (let left = view.getUint32(MAGIC.length, true); left > 0; left--) {
    if (at + GROUP_HEAD_BYTES > end) return undefined;
    const position = Number(view.getBigUint64(at, true));
    const head = bytes.subarray(at + GROUP_HEAD_BYTES, at + GROUP_HEAD_BYTES + view.getUint32(at + 8, true));
    const header = parseGroupHeader(seed, position, head);
    const heads = header === undefined ? undefined : head.subarray(GROUP_HEADER_BYTES);
    const records = header && heads ? parseHeads(seed, position, header, heads) : undefined;
    if (header === undefined || records === undefined) return undefined;
    const { number, durable, height } = header;
    const intact = records.map((record) => ({ ...record, intact: true }));
    groups.push({ number, durable, height, position, end: position + groupLength(header), head, records: intact });
    at += GROUP_HEAD_BYTES + head.length;
  }
  return at === end ? groups : undefined;
}
