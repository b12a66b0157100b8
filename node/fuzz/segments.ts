import { crc32 } from "node:zlib";
import { present } from "../base/assert.ts";
import { seededRandom } from "../base/random.ts";
import type { Disk } from "../storage/disk.ts";
import { type EntryKey, encodeKey } from "../storage/entry-key.ts";
import { align, encodeGroup, GROUPS_AT, newFileHeader, parseFileHeader } from "../storage/group.ts";
import { openForReading } from "../storage/read-folder.ts";
import { segmentPath } from "../storage/segment.ts";
import { hold, noise } from "./target.ts";

const FOLDER = "/log";

/** A disk that holds one segment, given as bytes. */
const segmentOf = (bytes: Uint8Array): Disk => {
  const refuse = (): never => {
    throw new Error("a reader only reads");
  };
  return {
    exists: () => true,
    list: () => [segmentPath(FOLDER, 1).slice(FOLDER.length + 1)],
    open: () => 0,
    openDirect: () => undefined,
    size: () => bytes.length,
    read: (_file, position, length) => bytes.subarray(position, position + length),
    write: refuse,
    writeDirect: refuse,
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
  const { bytes } = newFileHeader({ kind: "log", amnesia, sequence: 1, firstGroup: 1, durable: 0 });
  for (const copy of [0, 4096]) {
    bytes.fill(7, copy + 16, copy + 24);
    new DataView(bytes.buffer).setUint32(copy + 48, crc32(bytes.subarray(copy, copy + 48)), true);
  }
  return bytes;
}

const keyOf = (index: number): EntryKey => {
  const digest = index.toString(16).padStart(64, "0");
  if (index % 3 === 0) return { kind: "block", height: index + 1, cars: [digest] };
  if (index % 3 === 1) return { kind: "car", digest, validator: 3, incarnation: 5n, number: index };
  return { kind: "note", height: index, first: 1, entries: 2 };
};

/** Whole segments as the storage writes them. */
export const LOG_SEGMENTS: readonly Uint8Array[] = [[], [[3]], [[0, 1], [40, 900], [7]]].map((groups, index) => {
  const random = seededRandom(BigInt(index));
  const beginning = fixedHeader(index === 1);
  const { seed } = present(parseFileHeader(beginning), "a segment begins with a header");
  const file: number[] = [...beginning];
  groups.forEach((lengths, at) => {
    const records = lengths.map((length, record) => ({
      key: encodeKey(keyOf(3 * at + record)),
      body: noise(length, random),
    }));
    const { bytes } = encodeGroup(seed, file.length, { number: at + 1, durable: at, height: at + 1 }, records);
    file.push(...bytes, ...new Uint8Array(align(file.length + bytes.length) - file.length - bytes.length));
  });
  return new Uint8Array(file);
});

/** Bodies lie inside the file, in order; what is wrong is named, never skipped in silence before something that is right. */
export function scanSegment(input: Uint8Array): string {
  if (parseFileHeader(input.subarray(0, GROUPS_AT)) === undefined) return "no header";
  let before = GROUPS_AT;
  let entries = 0;
  let damages = 0;
  for (const found of openForReading(segmentOf(input), FOLDER).entries) {
    if (found.type === "damage") {
      damages += 1;
      continue;
    }
    hold(found.offset >= before && found.offset + found.bytes.length <= input.length, "bodies follow each other");
    before = found.offset + found.bytes.length;
    entries += 1;
  }
  return damages > 0 ? "damaged" : `whole ${entries}`;
}
