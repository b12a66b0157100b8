import { assert, unreachable } from "../base/assert.ts";
import type { Random } from "../base/random.ts";
import type { LogStream, PersistEffect, Recovered } from "../ports.ts";

/** The two logs of one node: what is durable, and what was written since the last sync and a crash may take. */
export type Disk = {
  votes: Uint8Array[];
  blocks: Uint8Array[];
  votesIntact: boolean;
  readonly unsynced: Record<LogStream, PersistEffect[]>;
};

export const createDisk = (): Disk => ({
  votes: [],
  blocks: [],
  votesIntact: true,
  unsynced: { votes: [], log: [] },
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

/** The volume loses its vote journal; the chain may go with it. */
export function loseJournal(disk: Disk, { blocksToo }: { blocksToo: boolean }): void {
  disk.votes = [];
  disk.votesIntact = false;
  if (blocksToo) disk.blocks = [];
}

export const recovered = ({ votes, blocks, votesIntact }: Disk): Recovered => ({
  votes: [...votes],
  blocks: [...blocks],
  votesIntact,
  cars: [],
});

function keep(disk: Disk, stream: LogStream, count: number): void {
  for (const effect of disk.unsynced[stream].splice(0).slice(0, count)) {
    switch (effect.type) {
      case "persist":
        assert(effect.stream === stream, "a record goes to its own log");
        if (effect.stream === "votes") disk.votes.push(effect.record);
        else disk.blocks.push(effect.entry.bytes);
        break;
      case "replace-votes":
        disk.votes = [...effect.records];
        break;
      default:
        unreachable(effect);
    }
  }
}
