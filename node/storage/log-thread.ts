import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { realDisk } from "./disk.ts";
import { type DiskJob, handedOver, type JobAnswer, jobRunner } from "./disk-job.ts";

/** The log thread: takes every job that waits, carries them out together, answers them in order. */
export type ThreadMessage = { readonly type: "job"; readonly job: DiskJob } | { readonly type: "close" };
export type ThreadAnswer =
  /** `buffers`: what was written, given back. */
  | { readonly type: "answers"; readonly answers: readonly JobAnswer[]; readonly buffers: readonly ArrayBuffer[] }
  | { readonly type: "closed" };

/** This file, from which the thread is started. It is imported where that is done, so that an image holds it. */
export const LOG_THREAD = { url: new URL(import.meta.url), workerData: "hmn log thread" };

/** Bytes of jobs that share one sync: a larger share would make the first of them wait. */
const SHARE_BYTES = 16 * 1024 * 1024;

function serve(port: MessagePort): void {
  const run = jobRunner(realDisk);
  const answerAll = (jobs: readonly DiskJob[]): void => {
    const answers = run(jobs);
    const buffers = handedOver(jobs);
    const message: ThreadAnswer = { type: "answers", answers, buffers };
    port.postMessage(message, buffers);
  };
  port.on("message", (first: ThreadMessage) => {
    const jobs: DiskJob[] = [];
    let bytes = 0;
    for (let message: ThreadMessage | undefined = first; message !== undefined; message = next(port)) {
      if (message.type === "close") {
        if (jobs.length > 0) answerAll(jobs);
        const closed: ThreadAnswer = { type: "closed" };
        port.postMessage(closed);
        port.close();
        return;
      }
      jobs.push(message.job);
      for (const op of message.job.ops) if (op.type === "write") bytes += op.bytes.length;
      if (bytes > SHARE_BYTES) break;
    }
    answerAll(jobs);
  });
}

function next(port: MessagePort): ThreadMessage | undefined {
  const got: { message: ThreadMessage } | undefined = receiveMessageOnPort(port);
  return got?.message;
}

if (parentPort !== null && workerData === LOG_THREAD.workerData) serve(parentPort);
