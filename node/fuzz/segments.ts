import { crc32 } from "node:zlib";
import { present } from "../base/assert.ts";
import { seededRandom } from "../base/random.ts";
import type { Disk } from "../storage/disk.ts";
import { encodeGroup, FILE_HEADER_BYTES, newFileHeader, parseFileHeader } from "../storage/log-format.ts";
import { scanLog } from "../storage/log-scan.ts";
import { hold, noise } from "./target.ts";

/** A disk that holds one file, given as bytes. */
const fileOf = (bytes: Uint8Array): Disk => {
  const refuse = (): never => {
    throw new Error("a scan only reads");
  };
  return {
    exists: () => true,
    open: () => 0,
    size: () => bytes.length,
    read: (_file, position, length) => bytes.subarray(position, position + length),
    write: refuse,
    truncate: refuse,
    sync: refuse,
    close: () => undefined,
    rename: refuse,
    remove: refuse,
    freeBytes: () => 0,
  };
};

/** A file's beginning with a salt that is the same in every run: the rest of the file hangs on it. */
function fixedHeader(amnesia: boolean): Uint8Array {
  const { bytes } = newFileHeader(amnesia);
  bytes.fill(7, 12, 20);
  new DataView(bytes.buffer).setUint32(20, crc32(bytes.subarray(0, 20)), true);
  return bytes;
}

/** Whole logs as the storage writes them. */
export const LOG_SEGMENTS: readonly Uint8Array[] = [[], [[3]], [[0, 1], [40, 900], [7]]].map((groups, index) => {
  const random = seededRandom(BigInt(index));
  const bytes = fixedHeader(index === 1);
  const { seed } = present(parseFileHeader(bytes), "a log begins with a header");
  const parts: Uint8Array[] = [bytes];
  let at = bytes.length;
  for (const lengths of groups) {
    const group = encodeGroup(
      seed,
      at,
      lengths.map((length) => noise(length, random)),
    );
    parts.push(group);
    at += group.length;
  }
  return new Uint8Array(Buffer.concat(parts));
});

/** Places lie inside the file, in order, and what is called whole can be scanned again. */
export function scanSegment(input: Uint8Array): string {
  const header = parseFileHeader(input.subarray(0, FILE_HEADER_BYTES));
  if (header === undefined) return "no header";
  const scan = scanLog(fileOf(input), 0, FILE_HEADER_BYTES, header);
  if (scan.type === "damaged") {
    hold(scan.offset >= FILE_HEADER_BYTES && scan.offset < input.length, "damage is inside the file");
    return "damaged";
  }
  hold(scan.end >= FILE_HEADER_BYTES && scan.end <= input.length, "the end is inside the file");
  let before = FILE_HEADER_BYTES;
  for (const { position, length } of scan.places) {
    hold(position >= before && position + length <= scan.end, "records follow each other");
    before = position + length;
  }
  const again = scanLog(fileOf(input.subarray(0, scan.end)), 0, FILE_HEADER_BYTES, header);
  hold(again.type === "whole" && again.places.length === scan.places.length, "what was whole stays whole when cut");
  return `whole ${scan.places.length} ${scan.end === input.length}`;
}
