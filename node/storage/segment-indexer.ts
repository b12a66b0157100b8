import { type Disk, isDiskRefusal } from "./disk.ts";
import type { DiskOp } from "./disk-job.ts";
import type { EntryLog } from "./entry-log.ts";
import { type FullSegment, fullSegmentAfter } from "./full-segment.ts";
import { scanGroups } from "./scan.ts";
import { encodeIndex, INDEX_BYTES_MAX, indexedGroup, indexPathOf } from "./segment-index.ts";

/** Makes the indexes of segments that are full, one bounded piece at a time. */
export type SegmentIndexer = {
  /** False: nothing to do now. */
  step(): boolean;
  close(): void;
};

/** Groups whose heads are read in one piece. */
const STEP_GROUPS = 32;

/**
 * Segment after segment, once everything in it is durable. One in which damage is known gets none: the next opening has to read
 * it and name the damage. What cannot be made now, the next process tries again.
 */
export function segmentIndexer(parts: {
  readonly disk: Disk;
  readonly log: Pick<EntryLog, "segments" | "busyFrom" | "takeHeads">;
  /** Segments that have an index already. */
  readonly indexed: ReadonlySet<number>;
  readonly isDamaged: (path: string) => boolean;
  readonly runAside: (ops: readonly DiskOp[], done: (refused: string | undefined) => void) => void;
}): SegmentIndexer {
  const { disk, log } = parts;
  /** Every segment up to this one has been looked at. */
  let doneTo = 0;
  let running: Generator<void, void> | undefined;

  /** Yields after each piece. */
  function* make({ sequence, path, seed, firstGroup, nextGroup }: FullSegment): Generator<void, void> {
    const finish = (all: readonly Uint8Array[]): void => {
      const whole = firstGroup + all.length === nextGroup;
      if (whole && !parts.isDamaged(path) && log.segments.has(sequence))
        write(indexPathOf(path), encodeIndex(seed, all));
    };
    const kept = log.takeHeads(sequence);
    if (kept !== undefined) return finish(kept);
    const groups: Uint8Array[] = [];
    let bytes = 0;
    const file = disk.open(path, "reading");
    try {
      for (const group of scanGroups(disk, file, { seed }, { bodies: false })) {
        const expected = firstGroup + groups.length;
        if (group.number >= nextGroup || group.number > expected) break;
        // From before a refused write.
        if (group.number < expected) continue;
        groups.push(indexedGroup(group));
        bytes += group.head.length;
        if (bytes > INDEX_BYTES_MAX) return;
        if (groups.length % STEP_GROUPS === 0) yield;
      }
    } finally {
      disk.close(file);
    }
    finish(groups);
  }
  const write = (path: string, bytes: Uint8Array<ArrayBuffer>): void => {
    const file = disk.open(`${path}.new`, "create");
    const ops: readonly DiskOp[] = [
      { type: "write", file, position: 0, bytes },
      { type: "sync", file },
      { type: "rename", from: `${path}.new`, to: path },
    ];
    parts.runAside(ops, () => disk.close(file));
  };

  return {
    step: () => {
      if (running === undefined) {
        const segment = fullSegmentAfter(log, doneTo);
        if (segment === undefined) return false;
        doneTo = segment.sequence;
        if (parts.indexed.has(segment.sequence) || parts.isDamaged(segment.path)) return true;
        running = make(segment);
      }
      try {
        if (running.next().done === true) running = undefined;
      } catch (cause) {
        running = undefined;
        if (!isDiskRefusal(cause)) throw cause;
      }
      return true;
    },
    close: () => void running?.return(),
  };
}
