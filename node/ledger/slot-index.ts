import { assert } from "../base/assert.ts";

/**
 * Finds the number of a thing by the hash of its key: extendible hashing (Fagin et al. 1979) over segments of open
 * addressing. It grows by splitting one full segment at a time, so that no growth ever stalls a block. An entry holds six
 * more bits of the hash, so that a look-up seldom reads a row in vain. It is no part of the state: nothing depends on the
 * order in it, and so nodes may use different seeds.
 */
export type SlotIndex = {
  /** Segments by the upper bits of the hash. Slots, then how many are taken, then how many upper bits they share. */
  directory: Int32Array[];
  /** 32 less the number of upper bits that the directory goes by. */
  shift: number;
};

const NUMBER_BITS = 26;
const NUMBER_MASK = 2 ** NUMBER_BITS - 1;
/** More things than this have no place in one index. */
export const NUMBERS_MAX = NUMBER_MASK - 1;

const SLOTS = 4_096;
const TAIL = 2;
/** So many of four slots may be taken. */
const FILL = 3;
/** Past it a full segment gets longer: hashes that somebody has made alike must not grow the directory for ever. */
const DEPTH_MAX = 16;

type HashOf = (number: number) => number;

const newSegment = (slots: number, depth: number): Int32Array => {
  const segment = new Int32Array(slots + TAIL);
  segment[slots + 1] = depth;
  return segment;
};

export function slotIndex(): SlotIndex {
  const first = newSegment(SLOTS, 0);
  return { directory: [first, first], shift: 31 };
}

export const segmentOf = (index: SlotIndex, hash: number): Int32Array =>
  index.directory[hash >>> index.shift] as Int32Array;
export const slotMask = (segment: Int32Array): number => segment.length - TAIL - 1;
/** The number in an entry that bears the tag of the hash, otherwise -1. */
export const numberIn = (entry: number, hash: number): number =>
  (entry ^ (hash << (NUMBER_BITS - 12))) >>> NUMBER_BITS === 0 ? (entry & NUMBER_MASK) - 1 : -1;
const entryOf = (number: number, hash: number): number =>
  ((number + 1) & NUMBER_MASK) | ((hash << (NUMBER_BITS - 12)) & ~NUMBER_MASK);

/** Adds a number that is not in it. `hashOf` gives the hashes of the others, when they have to move. */
export function insert(index: SlotIndex, hash: number, number: number, hashOf: HashOf): void {
  assert(number <= NUMBERS_MAX, "number has a place in the index");
  let segment = segmentOf(index, hash);
  while (4 * (segment[segment.length - 2] as number) >= FILL * (segment.length - TAIL)) {
    split(index, segment, hash, hashOf);
    segment = segmentOf(index, hash);
  }
  place(segment, hash, number);
}

function place(segment: Int32Array, hash: number, number: number): void {
  const mask = slotMask(segment);
  let slot = hash & mask;
  while (segment[slot] !== 0) slot = (slot + 1) & mask;
  segment[slot] = entryOf(number, hash);
  const taken = segment.length - 2;
  segment[taken] = (segment[taken] as number) + 1;
}

function split(index: SlotIndex, full: Int32Array, hash: number, hashOf: HashOf): void {
  const numbers: number[] = [];
  for (const entry of full.subarray(0, full.length - TAIL)) if (entry !== 0) numbers.push((entry & NUMBER_MASK) - 1);
  const hashes = numbers.map(hashOf);
  const shared = full[full.length - 1] as number;
  const isUpper = (of: number): boolean => ((of >>> (31 - shared)) & 1) === 1;
  const uppers = hashes.filter(isUpper).length;
  const slots = full.length - TAIL;
  // Many hashes that agree in one more bit were made so: splitting would go on for ever.
  const splits = shared < DEPTH_MAX && uppers > 0 && uppers < hashes.length;
  if (splits && shared === 32 - index.shift) {
    index.directory = index.directory.flatMap((segment) => [segment, segment]);
    index.shift -= 1;
  }
  const lower = splits ? newSegment(slots, shared + 1) : newSegment(2 * slots, shared);
  const upper = splits ? newSegment(slots, shared + 1) : lower;
  for (const [nth, number] of numbers.entries()) {
    const of = hashes[nth] as number;
    place(isUpper(of) ? upper : lower, of, number);
  }
  // The segment's places in the directory lie side by side: the lower half of them, then the upper one.
  const share = 2 ** (32 - index.shift - shared);
  const first = ((hash >>> index.shift) & -share) >>> 0;
  index.directory.fill(lower, first, first + share / 2);
  index.directory.fill(upper, first + share / 2, first + share);
}

/** Takes a number out that is in it, and moves the entries behind it up, so that no search ends early. */
export function remove(index: SlotIndex, hash: number, number: number, hashOf: HashOf): void {
  const segment = segmentOf(index, hash);
  const mask = slotMask(segment);
  let hole = hash & mask;
  while (((segment[hole] as number) & NUMBER_MASK) !== number + 1) {
    assert(segment[hole] !== 0, "number is in the index");
    hole = (hole + 1) & mask;
  }
  for (let slot = (hole + 1) & mask; segment[slot] !== 0; slot = (slot + 1) & mask) {
    const entry = segment[slot] as number;
    const home = hashOf((entry & NUMBER_MASK) - 1) & mask;
    if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
    segment[hole] = entry;
    hole = slot;
  }
  segment[hole] = 0;
  const taken = segment.length - 2;
  segment[taken] = (segment[taken] as number) - 1;
}
