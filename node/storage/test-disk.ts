import { dirname } from "node:path";
import { assert, present } from "../base/assert.ts";
import type { Random } from "../base/random.ts";
import type { Disk } from "./disk.ts";

/** Thrown where the test lets the process die. */
export class PowerCut extends Error {
  override readonly name = "PowerCut";
}

/** What survives a power cut of its own accord is a sector. */
const SECTOR_BYTES = 512;

type Content = { bytes: Uint8Array; length: number };
/** `dirty`: what was written since the last sync. */
type File = Content & { durable: Content; dirty: { from: number; to: number }[] };
type Names = Map<string, File>;

/**
 * A disk in memory with a page cache: what no sync made durable is lost or kept sector by sector when the power goes, and
 * so are new and removed names that no rename's sync of the folder made durable.
 */
export type TestDisk = Disk & {
  /** Called before each changing call: throws to refuse it. */
  onChange: (call: string, path: string) => void;
  /** Bytes that may be used in all; more is refused. */
  capacity: number;
  /** Changing calls so far. */
  changes(): number;
  /** The power goes; open files are gone, what survives is what the next process finds. */
  powerCut(random: Random): void;
  /** Turns one bit of what is durable and says where; undefined where there is nothing to turn. */
  flipBit(random: Random, within: (path: string) => boolean): { path: string; offset: number } | undefined;
  openFiles(): readonly string[];
  paths(): readonly string[];
};

const empty = (): Content => ({ bytes: new Uint8Array(0), length: 0 });
const emptyFile = (): File => ({ ...empty(), durable: empty(), dirty: [] });

/** Makes a file so long, with zeros where nothing was written. */
function grow(file: Content, length: number): void {
  if (length > file.bytes.length) {
    const larger = new Uint8Array(Math.max(2 * file.bytes.length, length));
    larger.set(file.bytes.subarray(0, file.length));
    file.bytes = larger;
  }
  file.length = Math.max(file.length, length);
}

function shorten(file: Content, length: number): void {
  file.bytes.fill(0, length);
  file.length = Math.min(file.length, length);
}

export function testDisk(): TestDisk {
  let names: Names = new Map();
  let durableNames: Names = new Map();
  const open = new Map<number, { path: string; file: File }>();
  let nextFile = 100;
  let changes = 0;
  const opened = (file: number): { path: string; file: File } => present(open.get(file), "the file is open");
  const used = (): number => [...new Set(names.values())].reduce((sum, { length }) => sum + length, 0);
  const refuse = (): never => {
    throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
  };
  const change = (call: string, path: string): void => {
    changes += 1;
    disk.onChange(call, path);
  };
  const disk: TestDisk = {
    onChange: () => {},
    capacity: Number.POSITIVE_INFINITY,
    changes: () => changes,
    exists: (path) => names.has(path),
    list: (folder) =>
      [...names.keys()]
        .filter((path) => dirname(path) === folder)
        .map((path) => path.slice(folder.length + 1))
        .toSorted(),
    open: (path, how) => {
      if (how === "create") {
        change("create", path);
        names.set(path, emptyFile());
      }
      const file = names.get(path);
      if (file === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
      nextFile += 1;
      open.set(nextFile, { path, file });
      return nextFile;
    },
    openDirect: (path) => disk.open(path, "existing"),
    size: (file) => opened(file).file.length,
    read: (number, position, length) => {
      const { file } = opened(number);
      return file.bytes.slice(position, Math.min(position + length, file.length));
    },
    write: (number, position, bytes) => {
      const { path, file } = opened(number);
      const before = file.length;
      const half = bytes.subarray(0, bytes.length >> 1);
      const put = (some: Uint8Array): void => {
        if (some.length === 0) return;
        // What lies between the end and a write beyond it reads as zeros.
        grow(file, position + some.length);
        file.bytes.set(some, position);
        file.dirty.push({ from: position, to: position + some.length });
      };
      if (used() + Math.max(0, position + bytes.length - before) > disk.capacity) {
        put(half);
        refuse();
      }
      try {
        change("write", path);
      } catch (cause) {
        put(half);
        throw cause;
      }
      put(bytes);
    },
    writeDirect: (number, position, bytes) => {
      assert(position % SECTOR_BYTES === 0, "a direct write begins with a sector");
      const sectors = new Uint8Array(Math.ceil(bytes.length / SECTOR_BYTES) * SECTOR_BYTES);
      sectors.set(bytes);
      disk.write(number, position, sectors);
      return true;
    },
    truncate: (number, length) => {
      const { path, file } = opened(number);
      change("truncate", path);
      shorten(file, length);
    },
    sync: (number) => {
      const { path, file } = opened(number);
      change("sync", path);
      grow(file.durable, file.length);
      shorten(file.durable, file.length);
      for (const { from, to } of file.dirty.splice(0)) {
        const end = Math.min(to, file.length);
        if (end > from) file.durable.bytes.set(file.bytes.subarray(from, end), from);
      }
    },
    close: (file) => void assert(open.delete(file), "an open file is closed"),
    rename: (from, to) => {
      change("rename", to);
      names.set(to, present(names.get(from), "a file that is there is renamed"));
      names.delete(from);
      durableNames = new Map(names);
      change("renamed", to);
    },
    remove: (path) => {
      change("remove", path);
      names.delete(path);
    },
    freeBytes: () => (disk.capacity === Number.POSITIVE_INFINITY ? 1e12 : disk.capacity - used()),
    openFiles: () => [...open.values()].map(({ path }) => path),
    paths: () => [...names.keys()],
    powerCut: (random) => {
      open.clear();
      const survived: Names = new Map(durableNames);
      // Names that were made or removed since may have made it to the device as well.
      for (const [path, file] of names)
        if (durableNames.get(path) !== file && random.oneIn(2)) survived.set(path, file);
      for (const path of durableNames.keys()) if (!names.has(path) && random.oneIn(2)) survived.delete(path);
      for (const file of new Set(survived.values())) tear(file, random);
      names = survived;
      durableNames = new Map(survived);
    },
    flipBit: (random, within) => {
      const candidates = [...names].filter(([path, { durable }]) => within(path) && durable.length > 0);
      if (candidates.length === 0) return undefined;
      const [path, file] = random.pick(candidates);
      const offset = random.below(file.durable.length);
      const bit = 1 << random.below(8);
      file.bytes[offset] = (file.bytes[offset] ?? 0) ^ bit;
      file.durable.bytes[offset] = (file.durable.bytes[offset] ?? 0) ^ bit;
      return { path, offset };
    },
  };
  return disk;
}

/** Of what no sync covered, each sector is the old or the new one. */
function tear(file: File, random: Random): void {
  if (file.dirty.length === 0 && file.length === file.durable.length) return;
  const { bytes, length, durable } = file;
  const keeps = random.pick([0, 1, 2] as const);
  const kept =
    keeps === 0
      ? durable.length
      : keeps === 1
        ? length
        : Math.min(length, durable.length + random.below(Math.abs(length - durable.length) + 1));
  const after = new Uint8Array(kept);
  for (let at = 0; at < kept; at += SECTOR_BYTES) {
    const old = durable.bytes.subarray(at, Math.min(at + SECTOR_BYTES, durable.length, kept));
    const now = bytes.subarray(at, Math.min(at + SECTOR_BYTES, length, kept));
    after.set(keeps === 0 || (keeps === 2 && random.oneIn(2)) ? old : now, at);
  }
  file.bytes = after;
  file.length = kept;
  file.durable = { bytes: after.slice(), length: kept };
  file.dirty = [];
}
