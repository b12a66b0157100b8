import { expect, test, vi } from "vitest";
import { memoryLog } from "./fake-api.ts";
import { createMetrics } from "./metrics.ts";
import { createQueue, type QueueOptions } from "./queue.ts";

const start = (options: Pick<QueueOptions, "work"> & Partial<QueueOptions>) => {
  const metrics = createMetrics();
  const queue = createQueue({ name: "test", workers: 2, metrics, log: memoryLog(), firstBackoffMs: 4, ...options });
  queue.start();
  return { ...queue, metrics };
};
const until = (condition: () => boolean) => vi.waitUntil(condition, { interval: 1, timeout: 60_000 });

test("works on a key once at a time, and again if it was added meanwhile", async () => {
  const gates: (() => void)[] = [];
  let atOnce = 0;
  const queue = start({
    work: async () => {
      atOnce += 1;
      expect(atOnce).toBe(1);
      await new Promise<void>((resolve) => gates.push(resolve));
      atOnce -= 1;
      return { result: "success" };
    },
  });
  queue.add("a");
  await until(() => gates.length === 1);
  queue.add("a");
  queue.add("a");
  gates[0]?.();
  await until(() => gates.length === 2);
  gates[1]?.();
  await queue.stop();
  expect(gates).toHaveLength(2);
});

test("works on as many different keys at a time as it has workers", async () => {
  const gates: (() => void)[] = [];
  const begun: string[] = [];
  const queue = start({
    work: async (key) => {
      begun.push(key);
      await new Promise<void>((resolve) => gates.push(resolve));
      return { result: "success" };
    },
  });
  for (const key of ["a", "b", "c", "a"]) queue.add(key);
  await until(() => gates.length === 2);
  expect(begun).toEqual(["a", "b"]);
  gates[0]?.();
  await until(() => begun.length === 3);
  for (const open of gates) open();
  await queue.stop();
  expect(begun).toEqual(["a", "b", "c"]);
});

test("brings an error back with a growing delay, and forgets it after a success", async () => {
  const delays: number[] = [];
  const log = memoryLog();
  let failures = 3;
  const queue = start({
    work: async () => {
      if (failures-- > 0) throw new Error("not yet");
      return { result: "success" };
    },
    log: { ...log, error: (fields: unknown) => delays.push(Object(fields).retryInMs) },
  });
  queue.add("a");
  await until(() => delays.length === 3 && failures < 0);
  failures = 1;
  queue.add("a");
  await until(() => delays.length === 4);
  await queue.stop();
  expect(delays).toEqual([4, 8, 16, 4]);
  const text = await queue.metrics.registry.metrics();
  expect(text).toContain('controller_runtime_reconcile_total{controller="test",result="error"} 4');
  expect(text).toContain('workqueue_retries_total{name="test"} 4');
});

test("of several later times the earliest counts, once", async () => {
  let worked = 0;
  const queue = start({
    work: async () => {
      worked += 1;
      return { result: "success" };
    },
  });
  queue.addAfter("a", 60_000);
  queue.addAfter("a", 5);
  queue.addAfter("a", 30_000);
  await until(() => worked === 1);
  await queue.stop();
  expect(worked).toBe(1);
});

test("what comes in together is one piece of work", async () => {
  let worked = 0;
  const queue = start({
    work: async () => {
      worked += 1;
      return { result: "success" };
    },
  });
  for (const _ of [1, 2, 3]) {
    queue.add("a");
    // As events of one answer of a watch come in.
    await Promise.resolve();
  }
  await until(() => worked > 0);
  await queue.stop();
  expect(worked).toBe(1);
});
