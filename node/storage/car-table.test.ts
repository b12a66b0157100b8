import { expect, test } from "vitest";
import { sha256Hex } from "../codec/hash.ts";
import { carTable } from "./car-table.ts";

const digest = (n: number): string => sha256Hex(new Uint8Array([n, n >> 8]));
const head = (n: number) => ({ digest: digest(n), validator: n % 4, incarnation: BigInt(n) << 40n, number: n });
const place = (segment: number, offset: number) => ({ segment, offset, length: 7, crc: 0xffff_fff0 });

test("cars are found by digest, with their heads and the block that commits them, in the order in which they came", () => {
  const table = carTable();
  for (let n = 0; n < 3_000; n++) table.set(head(n), place(1 + (n >> 10), n));
  table.commit(digest(5), 9);
  table.commit(digest(5_000), 10);
  table.set(head(5_000), place(3, 5_000));
  expect(table.place(digest(2_047))).toEqual(place(2, 2_047));
  expect(table.has(digest(3_001))).toBe(false);
  const all = [...table.all()];
  expect(all).toHaveLength(3_001);
  expect(all[5]).toEqual({ ...head(5), place: place(1, 5), height: 9 });
  // The block came before the car that it commits.
  expect(all.at(-1)).toEqual({ ...head(5_000), place: place(3, 5_000), height: 10 });
});

test("a segment that goes takes its cars along, but not those that were moved out of it", () => {
  const table = carTable();
  for (let n = 0; n < 100; n++) table.set(head(n), place(1 + (n % 2), n));
  table.commit(digest(2), 4);
  table.set(head(2), place(3, 1_000));
  table.delete(digest(3));
  table.dropSegment(1, 1);
  expect(table.inSegment(1)).toEqual([]);
  expect(table.inSegment(3)).toEqual([{ ...head(2), place: place(3, 1_000), height: 4 }]);
  expect(table.has(digest(4))).toBe(false);
  expect([...table.all()].map(({ number }) => number)).toEqual([
    1,
    2,
    ...Array.from({ length: 48 }, (_, index) => 5 + 2 * index),
  ]);
});
