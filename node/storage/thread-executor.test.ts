import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { seededRandom } from "../base/random.ts";
import { sha256Hex } from "../codec/hash.ts";
import type { PersistEffect } from "../ports.ts";
import { realDisk } from "./disk.ts";
import { type DiskExecutor, inlineExecutor } from "./disk-executor.ts";
import { openStorage, type Storage } from "./storage.ts";
import { threadExecutor } from "./thread-executor.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hmn-thread-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function open(executor: () => DiskExecutor): Storage {
  const opened = openStorage(realDisk, folder, { segmentBytes: 1024 * 1024, executor });
  if (!opened.ok) throw new Error(opened.detail);
  return opened.value;
}

/** The steps of a node, the same each time: blocks, cars, votes, now and then a journal anew. */
function* steps(): Generator<PersistEffect[]> {
  const random = seededRandom(3n);
  let height = 0;
  for (let step = 0; step < 300; step++) {
    // Large ones go past the page cache where there is a way.
    const bytes = new Uint8Array(random.below(random.oneIn(10) ? 300_000 : 20_000)).fill(step);
    const digest = sha256Hex(bytes, new Uint8Array([step, step >> 8]));
    const car = { kind: "car", digest, validator: step % 4, incarnation: 9n, number: step, bytes } as const;
    const effects: PersistEffect[] = [{ type: "persist", stream: "log", entry: car }];
    if (random.oneIn(3)) {
      height += 1;
      const entry = { kind: "block", height, cars: [digest], bytes: bytes.slice(0, 100) } as const;
      effects.push({ type: "persist", stream: "log", entry });
    }
    if (random.oneIn(20)) effects.push({ type: "replace-votes", records: [bytes.slice(0, 50)] });
    else effects.push({ type: "persist", stream: "votes", record: bytes.slice(0, 70) });
    yield effects;
  }
}

/** Runs all steps without waiting for any; answers in which order they became durable, and what the next process finds. */
async function life(executor: () => DiskExecutor) {
  const storage = open(executor);
  const durable: number[] = [];
  let flushed = 0;
  for (const effects of steps()) {
    storage.append(effects);
    const step = flushed++;
    storage.flush((result) => {
      if (result.ok) durable.push(step);
    });
    const entry = effects[0]?.type === "persist" && effects[0].stream === "log" ? effects[0].entry : undefined;
    if (entry?.kind === "car") expect(storage.readCar(entry.digest)).toEqual(entry.bytes);
    // Sockets are read between turns: answers come in when they do.
    if (step % 16 === 0) await new Promise(setImmediate);
  }
  await storage.close();
  const again = open(() => inlineExecutor(realDisk));
  const recovered = again.recovered();
  const found = { ...recovered, blocks: [...recovered.blocks], damage: again.damage() };
  const bodies = recovered.cars.map(({ digest }) => again.readCar(digest));
  await again.close();
  return { durable, found, bodies };
}

test("the log thread leaves what the inline executor leaves, and answers in order", async () => {
  const threaded = await life(threadExecutor);
  rmSync(folder, { recursive: true });
  folder = mkdtempSync(join(tmpdir(), "hmn-thread-"));
  const inline = await life(() => inlineExecutor(realDisk));
  expect(threaded.durable).toEqual(Array.from({ length: 300 }, (_, index) => index));
  expect(threaded.found.cars).toHaveLength(300);
  expect(threaded).toEqual(inline);
});

test("a write that the disk refuses on the thread is answered as refused, and everything behind it", async () => {
  const executor = threadExecutor();
  const answers: (string | undefined)[] = [];
  const ended = new Promise<void>((resolve) => {
    const require = (bytes: number, kind: "commit" | "probe") =>
      executor.run({ kind, ops: [{ type: "require-space", folder, bytes }] }, (answer) => {
        answers.push(answer);
        if (answers.length === 5) resolve();
      });
    require(1, "commit");
    require(2 ** 60, "commit");
    require(1, "commit");
    require(1, "probe");
    require(1, "commit");
  });
  await ended;
  expect(answers.map((answer) => answer === undefined)).toEqual([true, false, false, true, true]);
  await executor.close();
});
