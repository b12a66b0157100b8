import { Worker } from "node:worker_threads";
import type { Case } from "./shrink.ts";
import type { Verdict } from "./twice.ts";

/** Threads that each run one case at a time, so that the main one is free to look at the clock. */
export type Runners = {
  /** Gives every thread to `work` once, all at the same time. */
  each(work: (run: (one: Case) => Promise<Verdict>) => Promise<void>): Promise<void>;
  /** What runs now, and since when. */
  running(): readonly { readonly one: Case; readonly sinceMs: number }[];
  close(): Promise<void>;
};

export function startRunners(jobs: number): Runners {
  const workers = Array.from({ length: jobs }, () => new Worker(new URL("./seed-worker.ts", import.meta.url)));
  const running = new Map<Worker, { one: Case; sinceMs: number }>();
  const runOn = async (worker: Worker, one: Case): Promise<Verdict> => {
    running.set(worker, { one, sinceMs: performance.now() });
    try {
      return await new Promise<Verdict>((resolve, reject) => {
        worker.removeAllListeners();
        worker.once("message", resolve);
        worker.once("error", reject);
        worker.postMessage(one);
      });
    } finally {
      running.delete(worker);
    }
  };
  return {
    each: async (work) => {
      await Promise.all(workers.map((worker) => work((one) => runOn(worker, one))));
    },
    running: () => [...running.values()],
    close: async () => {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}
