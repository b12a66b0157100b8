import { join } from "node:path";
import type { Disk } from "./disk.ts";
import { type FileHeader, GROUPS_AT, parseFileHeader } from "./group.ts";

/** One file of the log. */
export type Segment = {
  /** From 1; 0 stands for none. */
  readonly sequence: number;
  readonly path: string;
  /** Undefined: neither copy of its header can be read, and with the salt every group is lost. */
  readonly header: FileHeader | undefined;
};

const NAME = /^log-([0-9]{10})\.seg$/;

export const segmentPath = (folder: string, sequence: number): string =>
  join(folder, `log-${String(sequence).padStart(10, "0")}.seg`);

/** A released segment that waits to be used again: its blocks are allocated, and its old groups have another salt. */
export const sparePath = (folder: string): string => join(folder, "spare.seg");

/** At most one; `coming`: a released segment is being renamed to it. */
export type Spare = { state: "none" | "coming" | "ready" };

/** The segments of a folder, oldest first. */
export function listSegments(disk: Disk, folder: string): readonly Segment[] {
  return disk.list(folder).flatMap((name) => {
    const sequence = Number(NAME.exec(name)?.[1] ?? 0);
    return sequence === 0 ? [] : [readSegment(disk, folder, sequence)];
  });
}

/** One segment that is there. */
export function readSegment(disk: Disk, folder: string, sequence: number): Segment {
  const path = segmentPath(folder, sequence);
  return { sequence, path, header: headerOf(disk, path, sequence) };
}

function headerOf(disk: Disk, path: string, sequence: number): FileHeader | undefined {
  const file = disk.open(path, "reading");
  try {
    const header = parseFileHeader(disk.read(file, 0, GROUPS_AT));
    return header?.kind === "log" && header.sequence === sequence ? header : undefined;
  } finally {
    disk.close(file);
  }
}

/** Files kept open for reading; a log may have more segments than a process may have files. */
const OPEN_MAX = 32;

/** Open files by path, the least recently used closed first. */
export type OpenFiles = {
  /** Its number, good until the next call. */
  get(path: string): number;
  close(path: string): void;
  closeAll(): void;
};

export function openFiles(disk: Disk): OpenFiles {
  const files = new Map<string, number>();
  const close = (path: string): void => {
    const file = files.get(path);
    if (file !== undefined) disk.close(file);
    files.delete(path);
  };
  return {
    close,
    get: (path) => {
      const file = files.get(path) ?? disk.open(path, "reading");
      files.delete(path);
      files.set(path, file);
      const [oldest] = files.keys();
      if (files.size > OPEN_MAX && oldest !== undefined) close(oldest);
      return file;
    },
    closeAll: () => {
      for (const path of [...files.keys()]) close(path);
    },
  };
}
