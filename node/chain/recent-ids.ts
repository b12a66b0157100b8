import { type RunningHash, runningSha256 } from "../codec/hash.ts";
import { writer } from "../codec/writer.ts";
import { entriesBetween, hasPassed, type KnownIds, type Minute } from "../ledger/known-ids.ts";
import { leafHash, merkleRoot } from "./merkle.ts";

/**
 * Commits to the transfers whose ids execution still remembers, by the minute in their ids: per minute one hash over the
 * entries and one over what became of pending ones, both in the order of execution, so that a checkpoint costs nothing
 * for the older ones.
 */
export type RecentIds = {
  /** Takes in what was added since the last call. */
  absorb(): void;
  /** Root at a block of that time; minutes that have left the window are dropped for good. */
  root(nowMs: bigint): Uint8Array;
};

type Followed = { entries: number; marks: number; readonly entryHash: RunningHash; readonly markHash: RunningHash };

export function recentIds(ids: KnownIds): RecentIds {
  const followed = new Map<number, Followed>();
  const follow = (minute: Minute): void => {
    let slot = followed.get(minute.minute);
    if (slot === undefined) {
      slot = { entries: 0, marks: 0, entryHash: runningSha256(), markHash: runningSha256() };
      followed.set(minute.minute, slot);
    }
    if (slot.entries < minute.count)
      for (const bytes of entriesBetween(minute, slot.entries, minute.count)) slot.entryHash.update(bytes);
    if (slot.marks < minute.marks.length) slot.markHash.update(marksFrom(minute, slot.marks));
    slot.entries = minute.count;
    slot.marks = minute.marks.length;
  };
  return {
    absorb: () => {
      // A minute in which all was taken back counts as one that never was.
      for (const minute of ids.minutes.values()) if (minute.count > 0) follow(minute);
    },
    root: (nowMs) => {
      for (const minute of followed.keys()) if (hasPassed(minute, Number(nowMs))) followed.delete(minute);
      const sorted = [...followed].toSorted(([a], [b]) => a - b);
      return merkleRoot(
        sorted.map(([minute, { entryHash, markHash }]) =>
          leafHash(writer().u64(BigInt(minute)).done(), entryHash.digest(), markHash.digest()),
        ),
      );
    },
  };
}

const marksFrom = ({ marks }: Minute, from: number): Uint8Array =>
  new Uint8Array(marks.words.buffer, 4 * from, 4 * (marks.length - from));
