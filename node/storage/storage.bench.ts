import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256Hex } from "../codec/hash.ts";
import { realDisk } from "./disk.ts";
import { type DiskExecutor, inlineExecutor } from "./disk-executor.ts";
import { openStorage, type Storage } from "./storage.ts";
import { threadExecutor } from "./thread-executor.ts";

/**
 * What the disk path costs here: flushes a second and MiB/s with as many flushes on their way as given, inline and on
 * the log thread, with the time that a flush takes the main thread; then opening a log without and with indexes, and
 * reading it again.
 * Usage: sh e2e/with-node.sh node/storage/storage.bench.ts [FOLDER]
 */
const parent = process.argv[2] ?? tmpdir();
const SECONDS = 2;
const MIB = 1024 * 1024;

function open(folder: string, executor: () => DiskExecutor): Storage {
  const opened = openStorage(realDisk, folder, { executor });
  if (!opened.ok) throw new Error(opened.detail);
  return opened.value;
}

type Result = {
  readonly flushes: number;
  readonly mib: number;
  readonly mainUs: number;
  readonly p50: number;
  readonly p95: number;
};

/** Flushes of one car each, `depth` of them on their way at once, for a while. */
async function run(executor: () => DiskExecutor, bytes: number, depth: number): Promise<Result> {
  const folder = mkdtempSync(join(parent, "hmn-bench-"));
  const storage = open(folder, executor);
  const body = new Uint8Array(bytes).fill(7);
  const latenciesMs: number[] = [];
  let number = 0;
  let mainMs = 0;
  const began = performance.now();
  await new Promise<void>((resolve) => {
    let under = 0;
    const next = (): void => {
      while (under < depth && performance.now() - began < SECONDS * 1000) {
        const at = performance.now();
        number += 1;
        under += 1;
        const digest = sha256Hex(new Uint8Array(new Float64Array([number]).buffer));
        const entry = { kind: "car", digest, validator: 1, incarnation: 1n, number, bytes: body } as const;
        storage.append([{ type: "persist", stream: "log", entry }]);
        storage.flush((result) => {
          if (!result.ok) throw new Error(result.detail);
          latenciesMs.push(performance.now() - at);
          under -= 1;
          setImmediate(next);
        });
        mainMs += performance.now() - at;
      }
      if (under === 0) resolve();
    };
    next();
  });
  const seconds = (performance.now() - began) / 1000;
  await storage.close();
  rmSync(folder, { recursive: true });
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
  return {
    flushes: number / seconds,
    mib: (number * bytes) / MIB / seconds,
    mainUs: (mainMs * 1000) / number,
    p50: at(0.5),
    p95: at(0.95),
  };
}

/** Opens the folder and has it make the indexes that it lacks. */
async function openedIn(folder: string): Promise<number> {
  const began = performance.now();
  const storage = open(folder, () => inlineExecutor(realDisk));
  const tookMs = performance.now() - began;
  while (storage.work());
  await storage.close();
  return tookMs;
}

async function replay(): Promise<void> {
  const folder = mkdtempSync(join(parent, "hmn-bench-"));
  const storage = open(folder, threadExecutor);
  const body = new Uint8Array(64 * 1024).fill(9);
  for (let height = 1; height <= 16_384; height++) {
    storage.append([{ type: "persist", stream: "log", entry: { kind: "block", height, cars: [], bytes: body } }]);
    if (height % 64 === 0) await new Promise<void>((resolve) => storage.flush(() => resolve()));
  }
  await storage.close();
  const coldMs = await openedIn(folder);
  const began = performance.now();
  const again = open(folder, () => inlineExecutor(realDisk));
  const openedMs = performance.now() - began;
  let bytes = 0;
  for (const record of again.recovered().blocks) bytes += record.length;
  const readMs = performance.now() - began - openedMs;
  const rate = (ms: number): string => ((bytes / MIB / ms) * 1000).toFixed(0);
  console.log(
    `\nlog of ${(bytes / MIB).toFixed(0)} MiB: opened in ${coldMs.toFixed(0)} ms without indexes (${rate(coldMs)} MiB/s), in ${openedMs.toFixed(0)} ms with them, blocks read again at ${rate(readMs)} MiB/s`,
  );
  await again.close();
  rmSync(folder, { recursive: true });
}

console.log("executor  KiB  on their way  flushes/s  MiB/s  µs of the main thread  p50 ms  p95 ms");
const executors = { inline: () => inlineExecutor(realDisk), thread: threadExecutor };
for (const kib of [1, 16, 128, 1024]) {
  for (const depth of [1, 8, 64]) {
    for (const [name, executor] of Object.entries(executors)) {
      const { flushes, mib, mainUs, p50, p95 } = await run(executor, kib * 1024, depth);
      const columns = [
        name.padEnd(8),
        String(kib).padStart(4),
        String(depth).padStart(13),
        flushes.toFixed(0).padStart(10),
      ];
      const rest = [
        mib.toFixed(1).padStart(6),
        mainUs.toFixed(0).padStart(22),
        p50.toFixed(2).padStart(7),
        p95.toFixed(2).padStart(7),
      ];
      console.log([...columns, ...rest].join(" "));
    }
  }
}
await replay();
