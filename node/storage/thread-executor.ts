import { Worker } from "node:worker_threads";
import { present } from "../base/assert.ts";
import type { DiskExecutor } from "./disk-executor.ts";
import { handedOver, type JobAnswer } from "./disk-job.ts";
import { LOG_THREAD, type ThreadAnswer, type ThreadMessage } from "./log-thread.ts";
import { writeBuffers } from "./write-buffers.ts";

/**
 * Carries out disk jobs on a thread of its own, so that a slow disk never holds up the main thread. Written bytes are
 * handed over, not copied, and come back as `writeBuffers`: whoever runs a job must not touch them again.
 */
export function threadExecutor(): DiskExecutor {
  const worker = new Worker(LOG_THREAD.url, {
    name: "log",
    workerData: LOG_THREAD.workerData,
    // It holds buffers that it was given, and hardly anything of its own.
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
  });
  const waiting: ((answer: JobAnswer) => void)[] = [];
  let closed: (() => void) | undefined;
  worker.on("message", (message: ThreadAnswer) => {
    if (message.type === "closed") {
      closed?.();
      return;
    }
    message.buffers.forEach(writeBuffers.give);
    for (const answer of message.answers) present(waiting.shift(), "an answer belongs to a job")(answer);
  });
  // Durability is in doubt without it: the process ends as after any other bug.
  worker.on("error", (cause) => {
    throw new Error("the log thread failed", { cause });
  });
  const post = (message: ThreadMessage, buffers: readonly ArrayBuffer[]): void =>
    worker.postMessage(message, [...buffers]);
  return {
    run: (job, done) => {
      waiting.push(done);
      post({ type: "job", job }, handedOver([job]));
    },
    close: async () => {
      const ended = new Promise<void>((resolve) => {
        closed = resolve;
      });
      post({ type: "close" }, []);
      await ended;
      await worker.terminate();
    },
  };
}
