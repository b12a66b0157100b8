import { assert, unreachable } from "../base/assert.ts";
import type { Random } from "../base/random.ts";
import type { JournalNote } from "../ledger/journal.ts";
import type { BlockStore, CarHead, LogEntry, LogStream, PersistEffect, Recovered } from "../ports.ts";

/** The log and the vote journal of one node: what is durable, and what was written since the last sync and a crash may take. */
export type Disk = {
  votes: Uint8Array[];
  votesIntact: boolean;
  log: LogEntry[];
  /** Final blocks behind `base`, in order of height. */
  blocks: Uint8Array[];
  /** The height of the snapshot with which the volume began; 0: genesis. */
  base: number;
  /** Up to this height the node has let its blocks go: they are here for the checkers alone. */
  released: number;
  /** The newest two, oldest first. */
  snapshots: readonly DiskSnapshot[];
  readonly cars: Map<string, Uint8Array>;
  /** What execution noted, by height; 0 is genesis. */
  readonly notes: Map<number, JournalNote>;
  readonly unsynced: Record<LogStream, PersistEffect[]>;
};

export type DiskSnapshot = {
  readonly height: number;
  readonly blockHash: string;
  readonly parts: readonly Uint8Array[];
};

export const createDisk = (): Disk => ({
  votes: [],
  votesIntact: true,
  log: [],
  blocks: [],
  base: 0,
  released: 0,
  snapshots: [],
  cars: new Map(),
  notes: new Map(),
  unsynced: { votes: [], log: [] },
});

export const blockStore = (disk: Disk): BlockStore => ({
  readBlock: (height) => (height > disk.released ? disk.blocks[height - disk.base - 1] : undefined),
  readCar: (digest) => disk.cars.get(digest),
  oldestHeight: () => Math.max(disk.base, disk.released) + 1,
});

/** The height up to which the volume has the chain, as state or as blocks. */
export const heightOn = ({ base, blocks }: Disk): number => base + blocks.length;

/** A snapshot is whole and has its name. */
export function keepSnapshot(disk: Disk, snapshot: DiskSnapshot): void {
  disk.snapshots = [...disk.snapshots, snapshot].slice(-2);
}

export function dropSnapshot(disk: Disk, height: number): void {
  disk.snapshots = disk.snapshots.filter((one) => one.height !== height);
}

/** The node has begun anew with a snapshot ahead of its log: the next block is the one behind it. */
export function beginAt(disk: Disk, height: number): void {
  disk.base = height;
  disk.blocks = [];
}

export function release(disk: Disk, belowHeight: number): void {
  disk.released = Math.max(disk.released, belowHeight - 1);
}

export function readPart({ snapshots }: Disk, height: number, part: number) {
  const found = height === 0 ? snapshots.at(-1) : snapshots.find((one) => one.height === height);
  const bytes = found?.parts[part];
  if (found === undefined || bytes === undefined) return undefined;
  return { height: found.height, bytes, last: part === found.parts.length - 1 };
}

export function write(disk: Disk, effect: PersistEffect): void {
  disk.unsynced[effect.type === "persist" ? effect.stream : "votes"].push(effect);
}

export function sync(disk: Disk): void {
  for (const stream of ["votes", "log"] as const) keep(disk, stream, disk.unsynced[stream].length);
}

/**
 * The power goes: of each log some beginning of what was not synced survives, the two logs independently. A record that
 * was half written is cut by recovery, which is the same as a shorter beginning. Answers how many records were lost.
 */
export function crashDisk(disk: Disk, random: Random): number {
  let lost = 0;
  for (const stream of ["votes", "log"] as const) {
    const written = disk.unsynced[stream].length;
    const kept = random.below(written + 1);
    keep(disk, stream, kept);
    lost += written - kept;
  }
  return lost;
}

/** The volume loses its vote journal; the log may go with it. */
export function loseJournal(disk: Disk, { logToo }: { logToo: boolean }): void {
  disk.votes = [];
  disk.votesIntact = false;
  if (!logToo) return;
  disk.log = [];
  disk.blocks = [];
  disk.base = 0;
  disk.released = 0;
  disk.snapshots = [];
  disk.cars.clear();
  disk.notes.clear();
}

export function recovered({ votes, blocks, base, snapshots, log, votesIntact }: Disk): Recovered {
  const snapshot = snapshots.at(-1);
  return {
    votes: [...votes],
    votesIntact,
    ...(snapshot === undefined ? {} : { snapshot }),
    blocks: blocks.slice(Math.max(0, (snapshot?.height ?? 0) - base)),
    cars: log.filter((entry): entry is LogEntry & CarHead => entry.kind === "car"),
  };
}

function keep(disk: Disk, stream: LogStream, count: number): void {
  for (const effect of disk.unsynced[stream].splice(0).slice(0, count)) {
    switch (effect.type) {
      case "persist":
        assert(effect.stream === stream, "a record goes to its own log");
        if (effect.stream === "votes") disk.votes.push(effect.record);
        else append(disk, effect.entry);
        break;
      case "replace-votes":
        disk.votes = [...effect.records];
        // From here on the journal is one that this volume knows.
        disk.votesIntact = true;
        break;
      default:
        unreachable(effect);
    }
  }
}

function append(disk: Disk, entry: LogEntry): void {
  disk.log.push(entry);
  if (entry.kind === "car") {
    disk.cars.set(entry.digest, entry.bytes);
    return;
  }
  assert(entry.height === heightOn(disk) + 1, "blocks are written in order of height");
  for (const digest of entry.cars) assert(disk.cars.has(digest), "a car is written before a block that orders it");
  disk.blocks.push(entry.bytes);
}
