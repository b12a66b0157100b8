import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDirect, writeDirect } from "./direct-write.ts";

/** Two pieces of the buffer, and a part of a sector. */
const LENGTH = 1024 * 1024 + 700;

test("what is written past the page cache is read through it, between what was written through it", ({ skip }) => {
  const folder = mkdtempSync(join(tmpdir(), "hmn-direct-"));
  const path = join(folder, "log");
  writeFileSync(path, new Uint8Array(2 * LENGTH).fill(1));
  const ordinary = openSync(path, "r+");
  const direct = openDirect(path);
  try {
    if (direct === undefined) return skip("this file system has no direct writes");
    const bytes = Uint8Array.from({ length: LENGTH }, (_, at) => (at * 7) % 251);
    writeSync(ordinary, new Uint8Array(100).fill(2), 0, 100, 412);
    expect(writeDirect(direct, 512, bytes)).toBe(true);
    const end = 512 + Math.ceil(LENGTH / 512) * 512;
    writeSync(ordinary, new Uint8Array(100).fill(3), 0, 100, end);

    const found = new Uint8Array(readFileSync(path));
    expect(found.subarray(412, 512)).toEqual(new Uint8Array(100).fill(2));
    expect(found.subarray(512, 512 + LENGTH)).toEqual(bytes);
    expect(found.subarray(512 + LENGTH, end)).toEqual(new Uint8Array(end - 512 - LENGTH));
    expect(found.subarray(end, end + 101)).toEqual(new Uint8Array(101).fill(3, 0, 100).fill(1, 100));
    expect(writeDirect(direct, 513, bytes)).toBe(false);
  } finally {
    closeSync(ordinary);
    if (direct !== undefined) closeSync(direct);
    rmSync(folder, { recursive: true });
  }
});
