import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";

/** What working on a key gave: when to look at it again, and how the metrics call it. */
export type Worked = { readonly result: "success" | "requeue" | "requeue_after"; readonly againAfterMs?: number };

export type QueueOptions = {
  readonly name: string;
  readonly workers: number;
  readonly work: (key: string) => Promise<Worked>;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly now?: () => number;
  readonly firstBackoffMs?: number;
  readonly maxBackoffMs?: number;
};

export type Queue = {
  /** Now. A key that waits already waits once; one being worked on is worked on again afterwards. */
  readonly add: (key: string) => void;
  /** Later; the earlier of several times counts. */
  readonly addAfter: (key: string, delayMs: number) => void;
  readonly start: () => void;
  /** Takes no new work and waits for the work under way. */
  readonly stop: () => Promise<void>;
};

/** A work queue in the manner of client-go: each key at most once at a time, errors come back with a growing delay. */
export function createQueue(options: QueueOptions): Queue {
  const { name, workers, work, metrics, log, now = Date.now } = options;
  const { firstBackoffMs = 100, maxBackoffMs = 60_000 } = options;
  const waiting = new Map<string, number>();
  const working = new Map<string, Promise<void>>();
  const again = new Set<string>();
  const failures = new Map<string, number>();
  const timers = new Map<string, { readonly at: number; readonly timer: NodeJS.Timeout }>();
  let running = false;
  let ended = false;
  let called = false;

  const add = (key: string) => {
    if (ended) return;
    if (working.has(key)) {
      again.add(key);
      return;
    }
    if (!waiting.has(key)) {
      waiting.set(key, now());
      metrics.queueAdds.inc({ name });
      metrics.queueDepth.set({ name }, waiting.size);
    }
    soon();
  };
  /** After what else comes in with it: many changes of a key at once are one piece of work, and nothing else is kept waiting. */
  const soon = () => {
    if (called) return;
    called = true;
    setImmediate(() => {
      called = false;
      next();
    });
  };
  const addAfter = (key: string, delayMs: number) => {
    if (ended) return;
    if (delayMs <= 0) return add(key);
    const at = now() + delayMs;
    const before = timers.get(key);
    if (before !== undefined && before.at <= at) return;
    clearTimeout(before?.timer);
    const timer = setTimeout(() => {
      timers.delete(key);
      add(key);
    }, delayMs);
    timers.set(key, { at, timer });
  };
  const next = () => {
    while (running && working.size < workers) {
      const first = waiting.entries().next().value;
      if (first === undefined) return;
      const [key, since] = first;
      waiting.delete(key);
      metrics.queueDepth.set({ name }, waiting.size);
      metrics.queueDuration.observe({ name }, (now() - since) / 1000);
      const task = handle(key).finally(() => {
        working.delete(key);
        metrics.activeWorkers.set({ controller: name }, working.size);
        if (again.delete(key)) add(key);
        soon();
      });
      working.set(key, task);
      metrics.activeWorkers.set({ controller: name }, working.size);
    }
  };
  const handle = async (key: string): Promise<void> => {
    const began = now();
    try {
      const { result, againAfterMs } = await work(key);
      failures.delete(key);
      metrics.reconcileTotal.inc({ controller: name, result });
      if (againAfterMs !== undefined) addAfter(key, againAfterMs);
    } catch (error) {
      const count = failures.get(key) ?? 0;
      failures.set(key, count + 1);
      const delayMs = Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(count, 30));
      metrics.reconcileTotal.inc({ controller: name, result: "error" });
      metrics.reconcileErrors.inc({ controller: name });
      metrics.queueRetries.inc({ name });
      log.error({ key, error, retryInMs: delayMs }, "reconcile failed");
      addAfter(key, delayMs);
    } finally {
      const took = (now() - began) / 1000;
      metrics.reconcileTime.observe({ controller: name }, took);
      metrics.workDuration.observe({ name }, took);
    }
  };
  metrics.maxWorkers.set({ controller: name }, workers);
  return {
    add,
    addAfter,
    start: () => {
      running = true;
      next();
    },
    stop: async () => {
      running = false;
      ended = true;
      for (const { timer } of timers.values()) clearTimeout(timer);
      timers.clear();
      await Promise.all(working.values());
    },
  };
}
