import { expect, test } from "vitest";
import { type GroupFile, RESERVE_BYTES, reserveAhead } from "./group-writer.ts";

const sizeMax = 16 * RESERVE_BYTES;
const fileOf = (end: number, reserved: number): GroupFile => ({ sequence: 1, file: 7, seed: 0, end, reserved });

test("room is reserved once, ahead of the end and up to the file's size, and not behind a large flush", () => {
  const file = fileOf(512, 512);
  const bytes = RESERVE_BYTES;
  expect(reserveAhead(file, { bytes, sizeMax, flushed: RESERVE_BYTES })).toEqual([]);
  expect(reserveAhead(file, { bytes, sizeMax, flushed: 512 })).toEqual([
    { type: "zeros", file: 7, position: 512, length: bytes },
    { type: "sync", file: 7 },
  ]);
  expect(reserveAhead(file, { bytes, sizeMax, flushed: 512 })).toEqual([]);

  // A large flush ran past what was reserved: the next small one reserves behind it.
  file.end = 3 * RESERVE_BYTES;
  expect(reserveAhead(file, { bytes, sizeMax, flushed: 512 })[0]).toMatchObject({ position: 3 * RESERVE_BYTES });
  expect(reserveAhead(fileOf(sizeMax, sizeMax), { bytes, sizeMax, flushed: 512 })).toEqual([]);
});
