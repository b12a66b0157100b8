import { expect, test } from "vitest";
import { equalBytes, fromHex, toHex } from "./bytes.ts";
import { fc } from "./test-property.ts";

test("hexadecimal comes back as the bytes that it was made of, and nothing else is taken for it", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(fromHex(toHex(bytes))).toEqual(bytes);
    }),
  );
  expect(fromHex("00ff", 2)).toEqual(new Uint8Array([0, 255]));
  expect(fromHex("00ff", 3)).toBeUndefined();
  for (const text of ["0", "0g", "0:", "0/", "0`", "AB", " 0", "0x00", "0\u0130", "\u{1f600}"])
    expect(fromHex(text), text).toBeUndefined();
});

test("bytes are equal by length and every byte", () => {
  const bytes = new Uint8Array([1, 2, 3]);
  expect(equalBytes(bytes, bytes.slice())).toBe(true);
  for (const other of [
    [1, 2],
    [1, 2, 3, 4],
    [1, 2, 4],
    [0, 2, 3],
  ])
    expect(equalBytes(bytes, new Uint8Array(other))).toBe(false);
});
