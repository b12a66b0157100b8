import { expect, test } from "vitest";
import { heightTable } from "./height-table.ts";

const place = (segment: number, offset: number) => ({ segment, offset, length: 7, crc: 0xffff_ffff });

test("heights are found where they stand, from genesis on, whatever the order in which they came", () => {
  const table = heightTable();
  expect([table.has(0), table.highest()]).toEqual([false, 0]);
  table.set(0, place(1, 9));
  expect(table.get(0)).toEqual(place(1, 9));
  for (let height = 5_000; height < 8_000; height++) table.set(height, place(2, height));
  table.set(4_000, place(3, 1));
  table.set(6_000, place(3, 2));
  expect(table.get(5_000)).toEqual(place(2, 5_000));
  expect(table.get(6_000)).toEqual(place(3, 2));
  expect([table.has(4_500), table.has(8_000), table.highest()]).toEqual([false, false, 7_999]);
  table.delete(7_000);
  expect(table.has(7_000)).toBe(false);
});

test("a table that begins late takes earlier heights, and forgets those of a segment that goes", () => {
  const table = heightTable();
  for (let height = 1_000; height > 0; height--) table.set(height, place(height <= 600 ? 1 : 2, height));
  table.dropSegment(1);
  expect([table.has(600), table.get(601), table.get(1_000)]).toEqual([false, place(2, 601), place(2, 1_000)]);
  for (let height = 1_001; height < 5_000; height++) table.set(height, place(3, height));
  table.dropSegment(2);
  expect([table.has(1_000), table.get(1_001), table.get(4_999)]).toEqual([false, place(3, 1_001), place(3, 4_999)]);
  table.dropSegment(3);
  expect([table.has(4_999), table.highest()]).toEqual([false, 4_999]);
  table.set(9_000, place(4, 1));
  expect([table.has(4_999), table.get(9_000), table.highest()]).toEqual([false, place(4, 1), 9_000]);
});
