import { type Disk, readIfReadable } from "./disk.ts";
import { parseKey } from "./entry-key.ts";
import type { EntryLog } from "./entry-log.ts";
import { type FullSegment, fullSegmentAfter } from "./full-segment.ts";
import { bodyIntact, GROUPS_AT } from "./group.ts";
import { placeOf } from "./log-index.ts";
import { type Damage, missingGroups } from "./log-walk.ts";
import { scanGroups } from "./scan.ts";

/**
 * Reads the full segments round after round, a little at a time: opening does not read them, and decay has to be found while
 * the peers still have what is lost.
 */
export type Scrub = {
  /** Reads about so many bytes and reports what is wrong in them. */
  step(bytes: number): void;
  close(): void;
};

export function scrub(parts: {
  readonly disk: Disk;
  readonly log: Pick<EntryLog, "index" | "segments" | "busyFrom" | "lose">;
  readonly onDamage: (damage: Damage) => void;
}): Scrub {
  const { disk, log } = parts;
  let running: Generator<number, void> | undefined;

  /** Yields the bytes that it has read. */
  function* round(): Generator<number, void> {
    let at = fullSegmentAfter(log, 0);
    for (; at !== undefined; at = fullSegmentAfter(log, at.sequence)) yield* one(at);
  }
  function* one({ sequence, path, seed, firstGroup, nextGroup }: FullSegment): Generator<number, void> {
    const file = disk.open(path, "reading");
    let expected = firstGroup;
    let offset = GROUPS_AT;
    // What is in no record but for the bodies: entries that are known already do not rest on it, those of the next opening may.
    const miss = (to: number): void => {
      if (to >= expected) parts.onDamage({ path, offset, what: missingGroups({ from: expected, to }) });
    };
    try {
      for (const group of scanGroups(disk, file, { seed }, { bodies: false })) {
        yield group.head.length;
        // Released in the meantime.
        if (!log.segments.has(sequence)) return;
        if (group.number < expected) continue;
        miss(Math.min(group.number, nextGroup) - 1);
        expected = group.number + 1;
        if (expected > nextGroup) return;
        offset = group.end;
        for (const { key, place } of group.records) {
          const body = readIfReadable(disk, file, place.offset, place.length);
          yield body.length;
          const entry = parseKey(key);
          if (!entry.ok || bodyIntact(seed, place, body)) continue;
          const held = placeOf(log.index, entry.value);
          // Otherwise another record of the entry is held, or none any more.
          if (held?.segment === sequence && held.offset === place.offset) log.lose(entry.value, held);
        }
      }
      miss(nextGroup - 1);
    } finally {
      disk.close(file);
    }
  }
  return {
    step: (bytes) => {
      running ??= round();
      for (let left = bytes; left > 0; ) {
        const read = running.next();
        if (read.done === true) {
          running = undefined;
          return;
        }
        left -= read.value;
      }
    },
    close: () => void running?.return(),
  };
}
