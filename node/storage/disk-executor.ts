import type { Disk } from "./disk.ts";
import { type DiskJob, type JobAnswer, jobRunner } from "./disk-job.ts";

/** Where disk jobs are carried out: inline, or on the log thread. Answers come in the order of the jobs. */
export type DiskExecutor = {
  run(job: DiskJob, done: (answer: JobAnswer) => void): void;
  /** Waits for what was handed over, then ends. */
  close(): Promise<void>;
};

/** Carries out each job before `run` returns: for tests, and where one core has to do. */
export function inlineExecutor(disk: Disk): DiskExecutor {
  const run = jobRunner(disk);
  return {
    run: (job, done) => done(run([job])[0]),
    close: () => Promise.resolve(),
  };
}
