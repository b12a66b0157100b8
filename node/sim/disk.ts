import { assert, unreachable } from "../base/assert.ts";
import type { Random } from "../base/random.ts";
import type { JournalNote } from "../ledger/journal.ts";
import type { BlockStore, CarHead, LogEntry, LogStream, PersistEffect, Recovered } from "../ports.ts";

/** The log and the vote journal of one node: what is durable, and what was written since the last sync and a crash may take. */
export type Disk = {
  votes: Uint8Array[];
  votesIntact: boolean;
  log: LogEntry[];
  /** What of the log can be looked up. */
  blocks: Uint8Array[];
  readonly cars: Map<string, Uint8Array>;
  /** What execution noted, by height; 0 is genesis. */
  readonly notes: Map<number, JournalNote>;
  readonly unsynced: Record<LogStream, PersistEffect[]>;
};

export const createDisk = (): Disk => ({
  votes: [],
  votesIntact: true,
  log: [],
  blocks: [],
  cars: new Map(),
  notes: new Map(),
  unsynced: { votes: [], log: [] },
});

export const blockStore = (disk: Disk): BlockStore => ({
  readBlock: (height) => disk.blocks[height - 1],
  readCar: (digest) => disk.cars.get(digest),
  oldestHeight: () => 1,
});

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
  disk.cars.clear();
  disk.notes.clear();
}

export const recovered = ({ votes, blocks, log, votesIntact }: Disk): Recovered => ({
  votes: [...votes],
  votesIntact,
  blocks: [...blocks],
  cars: log.filter((entry): entry is LogEntry & CarHead => entry.kind === "car"),
});

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
  assert(entry.height === disk.blocks.length + 1, "blocks are written in order of height");
  for (const digest of entry.cars) assert(disk.cars.has(digest), "a car is written before a block that orders it");
  disk.blocks.push(entry.bytes);
}
