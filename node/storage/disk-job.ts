import { unreachable } from "../base/assert.ts";
import { type Disk, DiskRefused, isDiskRefusal } from "./disk.ts";

/** One call of the disk, as data: so that it can be made on another thread. Files are open already, their numbers are the process's. */
export type DiskOp =
  | {
      readonly type: "write";
      readonly file: number;
      readonly position: number;
      /** Memory of its own is handed over; shared memory stays readable here, and must not change until the job is answered. */
      readonly bytes: Uint8Array<ArrayBuffer> | Uint8Array<SharedArrayBuffer>;
      /** The same file, opened for `Disk.writeDirect`: for bytes that are worth it. */
      readonly direct?: number;
    }
  /** Reserves room in a file: written zeros, as a file that only looks long costs metadata with every sync. */
  | { readonly type: "zeros"; readonly file: number; readonly position: number; readonly length: number }
  | { readonly type: "sync"; readonly file: number }
  | { readonly type: "rename"; readonly from: string; readonly to: string }
  | { readonly type: "remove"; readonly path: string }
  /** Refuses unless so many bytes are free: the disk's last bytes stay for the file system and the logs of others. */
  | { readonly type: "require-space"; readonly folder: string; readonly bytes: number };

/**
 * What is carried out in order, and answered when all of it is durable.
 * `commit`: after one was refused the ones behind it are refused too, until a `probe` went through; they rest on it.
 * `aside`: nothing rests on it, so its refusal is its own matter.
 */
export type DiskJob = { readonly kind: "commit" | "aside" | "probe"; readonly ops: readonly DiskOp[] };

/** The memory that jobs hand over with what they write. */
export const handedOver = (jobs: readonly DiskJob[]): ArrayBuffer[] => [
  ...new Set(
    jobs.flatMap(({ ops }) =>
      ops.flatMap((op) => (op.type === "write" && op.bytes.buffer instanceof ArrayBuffer ? [op.bytes.buffer] : [])),
    ),
  ),
];

/** Why the disk refused a job; undefined: it is done. */
export type JobAnswer = string | undefined;

/** Carries out jobs in order. Jobs that wait together share their syncs: this is the group commit. Throws only for bugs. */
export type JobRunner = (jobs: readonly DiskJob[]) => readonly JobAnswer[];

export function jobRunner(disk: Disk): JobRunner {
  let refused: string | undefined;
  return (jobs) => {
    const answers: JobAnswer[] = [];
    /** Files to sync before anything else than a write happens. */
    const unsynced = new Set<number>();
    /** Commits that wait for these syncs. */
    let waiting: number[] = [];
    const attempt = (work: () => void): JobAnswer => {
      try {
        work();
        return undefined;
      } catch (cause) {
        if (!isDiskRefusal(cause)) throw new Error("the data folder cannot be written", { cause });
        return cause.message;
      }
    };
    const syncAll = (): void => {
      for (const file of unsynced) {
        disk.sync(file);
        unsynced.delete(file);
      }
    };
    const refuseWaiting = (reason: string): void => {
      refused = reason;
      for (const index of waiting) answers[index] = reason;
      waiting = [];
      unsynced.clear();
    };
    const settle = (): void => {
      const failure = attempt(syncAll);
      if (failure !== undefined) refuseWaiting(failure);
      waiting = [];
    };
    for (const [index, { kind, ops }] of jobs.entries()) {
      if (kind !== "commit") settle();
      if (kind === "commit" && refused !== undefined) {
        answers[index] = refused;
        continue;
      }
      const failure = attempt(() => {
        for (const op of ops) {
          if (op.type === "sync") unsynced.add(op.file);
          else {
            if (op.type === "rename" || op.type === "remove") syncAll();
            carryOut(disk, op);
          }
        }
        if (kind !== "commit") syncAll();
      });
      answers[index] = failure;
      if (kind === "commit") {
        // What came before can still become durable.
        if (failure !== undefined) settle();
        waiting.push(index);
        if (failure !== undefined) refuseWaiting(failure);
      } else {
        unsynced.clear();
        if (kind === "probe" && failure === undefined) refused = undefined;
      }
    }
    settle();
    return answers;
  };
}

let zeros = new Uint8Array(0);

function carryOut(disk: Disk, op: Exclude<DiskOp, { type: "sync" }>): void {
  switch (op.type) {
    case "write":
      if (op.direct !== undefined && disk.writeDirect(op.direct, op.position, op.bytes)) return;
      disk.write(op.file, op.position, op.bytes);
      return;
    case "zeros":
      if (zeros.length < op.length) zeros = new Uint8Array(op.length);
      disk.write(op.file, op.position, zeros.subarray(0, op.length));
      return;
    case "rename":
      disk.rename(op.from, op.to);
      return;
    case "remove":
      disk.remove(op.path);
      return;
    case "require-space":
      // The text names no changing number: status is written on change.
      if (disk.freeBytes(op.folder) < op.bytes) throw new DiskRefused(`fewer than ${op.bytes} bytes are free`);
      return;
    default:
      unreachable(op);
  }
}
