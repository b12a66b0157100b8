import { expect, test } from "vitest";
import { seededRandom } from "../base/random.ts";
import { idIndex, idMask, idSegment, idStart, insertId, removeId } from "./id-index.ts";
import { insert, numberIn, remove, segmentOf, slotIndex, slotMask } from "./slot-index.ts";

/** One shape for both indexes, over numbers whose hashes are known. */
type Index = {
  insert(number: number): void;
  remove(number: number): void;
  has(number: number): boolean;
  segments(): number;
};

function slots(hashOf: (number: number) => number): Index {
  const index = slotIndex();
  return {
    insert: (number) => insert(index, hashOf(number), number, hashOf),
    remove: (number) => remove(index, hashOf(number), number, hashOf),
    has: (number) => {
      const segment = segmentOf(index, hashOf(number));
      const mask = slotMask(segment);
      for (let slot = hashOf(number) & mask; segment[slot] !== 0; slot = (slot + 1) & mask)
        if (numberIn(segment[slot] ?? 0, hashOf(number)) === number) return true;
      return false;
    },
    segments: () => new Set(index.directory).size,
  };
}

function ids(hashOf: (number: number) => number): Index {
  const index = idIndex();
  return {
    insert: (number) => insertId(index, hashOf(number), number),
    remove: (number) => removeId(index, hashOf(number), number),
    has: (number) => {
      const segment = idSegment(index, hashOf(number));
      const mask = idMask(segment);
      for (let slot = idStart(hashOf(number), mask); segment[slot + 1] !== 0; slot = (slot + 2) & mask)
        if (segment[slot] === hashOf(number) && segment[slot + 1] === number + 1) return true;
      return false;
    },
    segments: () => new Set(index.directory).size,
  };
}

const spread = (number: number): number => Math.imul(Math.imul(number + 1, 0x9e3779b1) ^ (number >>> 3), 0x85ebca6b);
const hashes: [name: string, hashOf: (number: number) => number, most: number][] = [
  ["spread", spread, 60_000],
  ["all in one segment", (number) => spread(number) & 0xffff, 20_000],
  ["all equal", () => 0x1234_5678, 300],
  ["counted up, in runs of eight", (number) => (spread(number >>> 3) & ~7) | (number & 7), 60_000],
];
const kinds: [name: string, make: (hashOf: (number: number) => number) => Index][] = [
  ["slot index", slots],
  ["id index", ids],
];

test.each(kinds.flatMap(([kind, make]) => hashes.map(([name, ...hash]) => [kind, name, make, ...hash] as const)))(
  "%s: holds what was put in and not taken out (hashes: %s)",
  (_kind, _name, make, hashOf, most) => {
    const index = make(hashOf);
    const random = seededRandom(11n);
    const inside = new Set<number>();
    for (let number = 0; number < most; number++) {
      index.insert(number);
      inside.add(number);
      if (!random.oneIn(3)) continue;
      const gone = random.below(number + 1);
      if (inside.delete(gone)) index.remove(gone);
    }
    for (let number = 0; number < most; number++) if (index.has(number) !== inside.has(number)) expect(number).toBe(-1);
    if (most === 60_000) expect(index.segments()).toBeGreaterThan(2);
    for (const number of inside) index.remove(number);
    for (let number = 0; number < most; number++) if (index.has(number)) expect(number).toBe(-1);
  },
);

test("hashes that somebody has made equal lengthen one segment instead of the directory", () => {
  const index = slotIndex();
  for (let number = 0; number < 3_500; number++) insert(index, 7, number, () => 7);
  expect(index.directory.length).toBe(2);
  const wide = idIndex();
  for (let number = 0; number < 13_000; number++) insertId(wide, 7, number);
  expect(wide.directory.length).toBe(2);
});
