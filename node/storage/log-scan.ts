import type { Disk } from "./disk.ts";
import {
  type FileHeader,
  GROUP_HEADER_BYTES,
  parseGroupHeader,
  RECORD_HEADER_BYTES,
  RECORD_MAX_BYTES,
  recordIntact,
  recordLength,
} from "./log-format.ts";

/** Where a record's payload stands. */
export type Place = { readonly position: number; readonly length: number };

export type Scan =
  /** Groups are whole up to `end`; what follows, if anything, is an incomplete last group. */
  | { readonly type: "whole"; readonly places: Place[]; readonly end: number }
  /** A group that was once durable is not what was written. */
  | { readonly type: "damaged"; readonly offset: number };

type Group =
  | { readonly type: "whole"; readonly places: readonly Place[]; readonly end: number }
  | { readonly type: "bad"; readonly end: number; readonly offset: number };

/**
 * Reads a log from the start and says how much of it is whole. Two cases look alike and only one is harmless: a last
 * group that a crash cut short was never acknowledged (rule 2), while damage before it took something that was. The
 * last group counts as cut short, since nothing tells a torn write of it from later decay; anything with a group behind
 * it is damage.
 */
export function scanLog(disk: Disk, file: number, start: number, header: FileHeader): Scan {
  const size = disk.size(file);
  const read = windowed(disk, file, size);
  const places: Place[] = [];
  let position = start;
  while (position < size) {
    const length = parseGroupHeader(header.seed, position, read(position, GROUP_HEADER_BYTES));
    if (length === undefined) {
      if (groupBehind(read, position, size, header.seed)) return { type: "damaged", offset: position };
      return { type: "whole", places, end: position };
    }
    if (position + GROUP_HEADER_BYTES + length > size) return { type: "whole", places, end: position };
    const group = scanGroup(read, position, length, header.seed);
    if (group.type === "bad") {
      if (group.end < size) return { type: "damaged", offset: group.offset };
      return { type: "whole", places, end: position };
    }
    for (const place of group.places) places.push(place);
    position = group.end;
  }
  return { type: "whole", places, end: position };
}

function scanGroup(read: Read, start: number, length: number, seed: number): Group {
  const places: Place[] = [];
  const end = start + GROUP_HEADER_BYTES + length;
  let position = start + GROUP_HEADER_BYTES;
  while (position < end) {
    const header = read(position, RECORD_HEADER_BYTES).slice();
    const payload = position + RECORD_HEADER_BYTES;
    const size = header.length === RECORD_HEADER_BYTES ? recordLength(header) : RECORD_MAX_BYTES + 1;
    if (size > RECORD_MAX_BYTES || payload + size > end) return { type: "bad", end, offset: position };
    if (!recordIntact(seed, header, read(payload, size))) return { type: "bad", end, offset: position };
    places.push({ position: payload, length: size });
    position = payload + size;
  }
  return { type: "whole", places, end };
}

/** Whether a whole group starts anywhere after `position`: then what stands at `position` was durable before it. */
function groupBehind(read: Read, position: number, size: number, seed: number): boolean {
  for (let at = position + 1; at + GROUP_HEADER_BYTES <= size; at++) {
    const length = parseGroupHeader(seed, at, read(at, GROUP_HEADER_BYTES));
    if (length === undefined || at + GROUP_HEADER_BYTES + length > size) continue;
    if (scanGroup(read, at, length, seed).type === "whole") return true;
  }
  return false;
}

type Read = (position: number, length: number) => Uint8Array;
const WINDOW_BYTES = 1024 * 1024;

/** Reads through a window, so that a log of many small records does not cost a system call for each. */
function windowed(disk: Disk, file: number, size: number): Read {
  let start = 0;
  let window: Uint8Array = new Uint8Array(0);
  return (position, length) => {
    if (position < start || position + length > start + window.length) {
      start = position;
      window = disk.read(file, position, Math.min(Math.max(length, WINDOW_BYTES), Math.max(0, size - position)));
    }
    return window.subarray(position - start, position - start + length);
  };
}
