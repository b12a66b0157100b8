import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { openDirect, writeDirect } from "./direct-write.ts";

/** The disk as storage sees it: synchronous calls, made by the log thread or inline; a port, so that tests can fail it at any call. */
export type Disk = {
  exists(path: string): boolean;
  /** Names of the files in a folder, sorted. */
  list(folder: string): readonly string[];
  /** `existing` and `create` open for reading and writing; `create` makes a new empty file, replacing one that is there. */
  open(path: string, how: "reading" | "existing" | "create", mode?: number): number;
  /** A file that is there, once more, for `writeDirect` alone; undefined where that is not to be had. */
  openDirect(path: string): number | undefined;
  size(file: number): number;
  /** At most `length` bytes: fewer at the end of the file. */
  read(file: number, position: number, length: number): Uint8Array;
  /** All of the bytes, or it throws. */
  write(file: number, position: number, bytes: Uint8Array): void;
  /** The same past the page cache, and zeros up to the next multiple of 512, of which `position` is one. False: it has to be done by `write`. */
  writeDirect(file: number, position: number, bytes: Uint8Array): boolean;
  truncate(file: number, length: number): void;
  /** Data, and the metadata needed to read it back, are on the device when this returns. */
  sync(file: number): void;
  close(file: number): void;
  /** Atomic, and durable when this returns. */
  rename(from: string, to: string): void;
  remove(path: string): void;
  freeBytes(folder: string): number;
};

const OPEN_FLAGS = { reading: "r", existing: "r+", create: "w+" } as const;

export const realDisk: Disk = {
  exists: existsSync,
  list: (folder) => readdirSync(folder).toSorted(),
  open: (path, how, mode = 0o600) => openSync(path, OPEN_FLAGS[how], mode),
  openDirect,
  size: (file) => fstatSync(file).size,
  read: (file, position, length) => {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const count = readSync(file, bytes, done, length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return bytes.subarray(0, done);
  },
  write: (file, position, bytes) => {
    let done = 0;
    while (done < bytes.length) done += writeSync(file, bytes, done, bytes.length - done, position + done);
  },
  writeDirect,
  truncate: ftruncateSync,
  sync: fdatasyncSync,
  close: closeSync,
  rename: (from, to) => {
    renameSync(from, to);
    // A rename is durable only once its folder is (fsync(2), notes).
    const folder = openSync(dirname(to), "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  },
  remove: (path) => rmSync(path, { force: true }),
  freeBytes: (folder) => {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  },
};

/** The disk refused a write or a sync. A broken environment, not a bug: the node goes read-only and tries again. */
export class DiskRefused extends Error {
  override readonly name = "DiskRefused";
}

const REFUSALS: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EROFS", "EIO", "EFBIG", "ENXIO", "ENODEV"]);

/** What stands there; nothing where the device itself cannot read it, which is damage like any other. */
export function readIfReadable(disk: Disk, file: number, position: number, length: number): Uint8Array {
  try {
    return disk.read(file, position, length);
  } catch (cause) {
    if (!isDiskRefusal(cause)) throw cause;
    return new Uint8Array(0);
  }
}

/** Whether the disk, and not the program, is at fault. */
export function isDiskRefusal(error: unknown): error is Error {
  if (error instanceof DiskRefused) return true;
  return error instanceof Error && "code" in error && typeof error.code === "string" && REFUSALS.has(error.code);
}
