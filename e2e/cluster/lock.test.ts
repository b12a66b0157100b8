import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { present } from "../../node/base/assert.ts";
import { openProgress } from "../kit/progress.ts";
import { identify, isAlive, parseIdentity, stopProcess } from "./daemon.ts";
import { takeLock, tryLock } from "./lock.ts";

const progress = openProgress({ write: () => {}, terminal: false, columns: 80, nowMs: () => 0 });
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hmn-lock-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const other = (): { pid: number; end: () => Promise<void> } => {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  const pid = present(child.pid, "sleep runs");
  const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  const identity = present(identify(pid), "sleep runs");
  return { pid, end: async () => void (await Promise.all([stopProcess(identity), ended])) };
};

test.runIf(process.platform === "linux")("a living process keeps the lock, a dead one loses it", async () => {
  const file = join(folder, "lock");
  const holder = other();
  writeFileSync(file, JSON.stringify(identify(holder.pid)));
  expect(tryLock(file)).toBe(holder.pid);
  expect(tryLock(file)).toBe(holder.pid);
  await holder.end();
  // The first try clears what the dead one left, the second takes it.
  expect([tryLock(file), tryLock(file)]).toContain(undefined);
  expect(parseIdentity(JSON.stringify(identify(process.pid)))?.pid).toBe(process.pid);
});

test.runIf(process.platform === "linux")(
  "the same process takes it again, and it is free after the last release",
  async () => {
    const file = join(folder, "lock");
    const [first, second] = await Promise.all([takeLock(progress, file), takeLock(progress, file)]);
    first();
    first();
    expect(existsSync(file)).toBe(true);
    second();
    expect(existsSync(file)).toBe(false);
  },
);

test.runIf(process.platform === "linux")("a number that came again is another process", async () => {
  const holder = other();
  const identity = present(identify(holder.pid), "sleep runs");
  expect(isAlive(identity)).toBe(true);
  expect(isAlive({ ...identity, startTicks: "1" })).toBe(false);
  expect(isAlive({ ...identity, boot: "another boot of the machine" })).toBe(false);
  await holder.end();
  expect(isAlive(identity)).toBe(false);
});

test("what is not an identity is none", () => {
  expect(parseIdentity(undefined)).toBeUndefined();
  expect(parseIdentity("")).toBeUndefined();
  expect(parseIdentity('{"pid":"7"}')).toBeUndefined();
});
