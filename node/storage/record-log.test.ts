import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { present } from "../base/assert.ts";
import { realDisk } from "./disk.ts";
import { createLog, openLog, type RecordLog } from "./record-log.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hmn-log-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const record = (text: string): Uint8Array => new TextEncoder().encode(text);
const texts = (log: RecordLog): string[] =>
  Array.from({ length: log.count() }, (_, index) => new TextDecoder().decode(present(log.read(index), "in range")));

/** Three groups: [a, bb], [ccc], [dddd, e]; with the bytes of the file and where the last group starts. */
function written(): { path: string; bytes: Buffer; lastGroup: number } {
  const path = join(folder, "x.log");
  const log = createLog(realDisk, path, { amnesia: false, records: [record("a"), record("bb")] });
  log.append([record("ccc")]);
  log.sync();
  const lastGroup = readFileSync(path).length;
  log.append([record("dddd"), record("e")]);
  log.sync();
  log.close();
  return { path, bytes: readFileSync(path), lastGroup };
}

function opened(path: string): { texts: string[]; cut: number } | string {
  const log = openLog(realDisk, path);
  if (!log.ok) return log.detail ?? log.reason;
  const found = { texts: texts(log.value), cut: log.value.cutBytes };
  log.value.close();
  return found;
}

test("what was synced is read back, and appending goes on behind it", () => {
  const { path } = written();
  const log = openLog(realDisk, path);
  if (!log.ok) throw new Error(log.detail);
  log.value.append([record("f")]);
  log.value.sync();
  log.value.close();
  expect(opened(path)).toEqual({ texts: ["a", "bb", "ccc", "dddd", "e", "f"], cut: 0 });
});

test("a last group torn after any byte is cut as a whole, and the log goes on", () => {
  const { path, bytes, lastGroup } = written();
  for (let length = lastGroup; length < bytes.length; length++) {
    writeFileSync(path, bytes.subarray(0, length));
    expect(opened(path), `torn at ${length}`).toEqual({ texts: ["a", "bb", "ccc"], cut: length - lastGroup });
    // The cut itself is durable: a second opening has nothing left to cut.
    expect(opened(path)).toEqual({ texts: ["a", "bb", "ccc"], cut: 0 });
  }
});

test("a last group with any byte wrong is cut as a whole", () => {
  const { path, bytes, lastGroup } = written();
  for (let at = lastGroup; at < bytes.length; at++) {
    const torn = Buffer.from(bytes);
    torn[at] = (torn[at] ?? 0) ^ 0x10;
    writeFileSync(path, torn);
    expect(opened(path), `wrong at ${at}`).toEqual({ texts: ["a", "bb", "ccc"], cut: bytes.length - lastGroup });
  }
});

test("a last group of which the file system kept only the length is cut", () => {
  const { path, bytes, lastGroup } = written();
  writeFileSync(path, Buffer.concat([bytes.subarray(0, lastGroup), Buffer.alloc(5000)]));
  expect(opened(path)).toEqual({ texts: ["a", "bb", "ccc"], cut: 5000 });
});

test("any flipped bit before the last group is damage, named with an offset at or before it, and the file stays as it is", () => {
  const { path, bytes, lastGroup } = written();
  for (let at = 0; at < lastGroup; at++) {
    for (const bit of [0x01, 0x80]) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ bit;
      writeFileSync(path, damaged);
      const found = opened(path);
      expect(found, `flipped at ${at}`).toMatch(/is damaged at byte \d+/);
      const offset = Number(/at byte (\d+)/.exec(String(found))?.[1]);
      expect(offset, `flipped at ${at}`).toBeLessThanOrEqual(at);
      expect(readFileSync(path).equals(damaged)).toBe(true);
    }
  }
});

test("a record that holds the bytes of a log's group does not pass for a group when the one that holds it is torn", () => {
  const { bytes, lastGroup } = written();
  const path = join(folder, "y.log");
  const log = createLog(realDisk, path, { amnesia: false, records: [record("a")] });
  log.append([new Uint8Array(bytes.subarray(lastGroup)), record("tail")]);
  log.sync();
  log.close();
  const torn = readFileSync(path);
  torn[torn.length - 1] = 0;
  writeFileSync(path, torn);
  expect(opened(path)).toMatchObject({ texts: ["a"] });
});

test("a record that decays under an open log is named, not served", () => {
  const { path, bytes } = written();
  const log = openLog(realDisk, path);
  if (!log.ok) throw new Error(log.detail);
  const damaged = Buffer.from(bytes);
  damaged.set(record("x"), damaged.indexOf("ccc"));
  writeFileSync(path, damaged);
  expect(() => log.value.read(2)).toThrow(/is damaged at byte/);
  log.value.close();
});
