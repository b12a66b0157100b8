import { assert } from "../base/assert.ts";

/**
 * Finds the number of an id by its hash, as `SlotIndex` does, for a table that grows all the time: a slot holds the whole
 * hash beside the number, so that splitting a segment reads nothing else. Two words each: hash, number and one.
 */
export type IdIndex = {
  /** Segments by the upper bits of the hash. Slots, then how many are taken, then how many upper bits they share. */
  directory: Int32Array[];
  /** 32 less the number of upper bits that the directory goes by. */
  shift: number;
};

const SLOTS = 16_384;
const TAIL = 2;
/** So many of four slots may be taken. */
const FILL = 3;
/** Past it a full segment gets longer: hashes that somebody has made alike must not grow the directory for ever. */
const DEPTH_MAX = 14;

function newSegment(slots: number, depth: number): Int32Array {
  const segment = new Int32Array(2 * slots + TAIL);
  segment[segment.length - 1] = depth;
  return segment;
}

export function idIndex(): IdIndex {
  const first = newSegment(SLOTS, 0);
  return { directory: [first, first], shift: 31 };
}

export const idSegment = (index: IdIndex, hash: number): Int32Array =>
  index.directory[hash >>> index.shift] as Int32Array;
/** Keeps the place of a slot's first word within its segment. */
export const idMask = (segment: Int32Array): number => segment.length - TAIL - 1;
/** First word of the slot where the search for a hash begins. */
export const idStart = (hash: number, mask: number): number => (hash << 1) & mask;

/** Adds a number that is not in it. */
export function insertId(index: IdIndex, hash: number, number: number): void {
  let segment = idSegment(index, hash);
  while (4 * (segment[segment.length - 2] as number) >= FILL * ((segment.length - TAIL) / 2)) {
    split(index, segment, hash);
    segment = idSegment(index, hash);
  }
  place(segment, hash, number + 1);
}

function place(segment: Int32Array, hash: number, numberAndOne: number): void {
  const mask = idMask(segment);
  let slot = idStart(hash, mask);
  while (segment[slot + 1] !== 0) slot = (slot + 2) & mask;
  segment[slot] = hash;
  segment[slot + 1] = numberAndOne;
  const taken = segment.length - 2;
  segment[taken] = (segment[taken] as number) + 1;
}

function split(index: IdIndex, full: Int32Array, hash: number): void {
  const slots = (full.length - TAIL) / 2;
  const shared = full[full.length - 1] as number;
  const isUpper = (of: number): boolean => ((of >>> (31 - shared)) & 1) === 1;
  let uppers = 0;
  for (let slot = 0; slot < 2 * slots; slot += 2)
    if (full[slot + 1] !== 0 && isUpper(full[slot] as number)) uppers += 1;
  // Many hashes that agree in one more bit were made so: splitting would go on for ever.
  const splits = shared < DEPTH_MAX && uppers > 0 && uppers < (full[full.length - 2] as number);
  if (splits && shared === 32 - index.shift) {
    index.directory = index.directory.flatMap((segment) => [segment, segment]);
    index.shift -= 1;
  }
  const lower = splits ? newSegment(slots, shared + 1) : newSegment(2 * slots, shared);
  const upper = splits ? newSegment(slots, shared + 1) : lower;
  for (let slot = 0; slot < 2 * slots; slot += 2) {
    const number = full[slot + 1] as number;
    const other = full[slot] as number;
    if (number !== 0) place(isUpper(other) ? upper : lower, other, number);
  }
  // The segment's places in the directory lie side by side: the lower half of them, then the upper one.
  const share = 2 ** (32 - index.shift - shared);
  const first = ((hash >>> index.shift) & -share) >>> 0;
  index.directory.fill(lower, first, first + share / 2);
  index.directory.fill(upper, first + share / 2, first + share);
}

/** Takes a number out that is in it, and moves the slots behind it up, so that no search ends early. */
export function removeId(index: IdIndex, hash: number, number: number): void {
  const segment = idSegment(index, hash);
  const mask = idMask(segment);
  let hole = idStart(hash, mask);
  while (segment[hole + 1] !== number + 1) {
    assert(segment[hole + 1] !== 0, "id is in the index");
    hole = (hole + 2) & mask;
  }
  for (let slot = (hole + 2) & mask; segment[slot + 1] !== 0; slot = (slot + 2) & mask) {
    const home = idStart(segment[slot] as number, mask);
    if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
    segment[hole] = segment[slot] as number;
    segment[hole + 1] = segment[slot + 1] as number;
    hole = slot;
  }
  segment[hole + 1] = 0;
  const taken = segment.length - 2;
  segment[taken] = (segment[taken] as number) - 1;
}
