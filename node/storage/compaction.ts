import type { Hex } from "../base/bytes.ts";
import type { DiskOp } from "./disk-job.ts";
import type { EntryLog } from "./entry-log.ts";
import { forgetSegment } from "./log-index.ts";
import { type OpenFiles, type Spare, sparePath } from "./segment.ts";
import { indexPathOf } from "./segment-index.ts";

/** Lets old segments go, one bounded step at a time. */
export type Compaction = {
  /**
   * From now on no block below this height is needed, nor a car that such a block commits, nor a car that no block commits
   * and that is not among these.
   */
  want(belowHeight: number, keepCars: readonly Hex[]): void;
  /** One step; `limit`: nothing from this height on goes, whatever was wanted. True: there may be more to do at once. */
  step(limit: number): boolean;
};

/** Cars are moved out of a segment only if it then frees at least so many times their bytes. */
const WORTH = 4;

/**
 * The oldest segment goes if no block in it is needed; the few cars that are needed move to the end of the log first.
 * Oldest first, so that the log never has a gap that is not damage.
 */
export function compaction(parts: {
  readonly log: EntryLog;
  readonly files: OpenFiles;
  readonly spare: Spare;
  readonly folder: string;
  readonly segmentBytes: number;
  readonly runAside: (ops: readonly DiskOp[], done: (refused: string | undefined) => void) => void;
  /** Makes what was moved durable. */
  readonly flush: () => void;
}): Compaction {
  const { log, files, spare, folder, segmentBytes } = parts;
  const { index, segments } = log;
  let wanted: { belowHeight: number; keepCars: ReadonlySet<Hex>; beforeSegment: number } | undefined;

  /** False: there are too many to be worth it. */
  const move = (cars: ReturnType<typeof index.cars.inSegment>): boolean => {
    const bytes = cars.reduce((sum, { place }) => sum + place.length, 0);
    if (bytes * WORTH > segmentBytes) return false;
    const moving = cars.filter((car) => !log.isPending({ kind: "car", ...car }));
    for (const { place, height: _, ...head } of moving) {
      const key = { kind: "car", ...head } as const;
      const body = log.readPlace(key, place);
      if (body !== undefined) log.stage(key, body, "again");
    }
    if (moving.length > 0) parts.flush();
    return true;
  };
  const remove = (sequence: number, belowHeight: number): void => {
    const from = segments.get(sequence)?.path ?? "";
    files.close(from);
    segments.delete(sequence);
    forgetSegment(index, sequence, belowHeight);
    const indexRemoval: DiskOp = { type: "remove", path: indexPathOf(from) };
    if (spare.state === "none") {
      spare.state = "coming";
      const ops: readonly DiskOp[] = [{ type: "rename", from, to: sparePath(folder) }, indexRemoval];
      parts.runAside(ops, (refused) => {
        spare.state = refused === undefined ? "ready" : "none";
      });
      return;
    }
    // A removal alone may be undone by a crash, and the segment come back where it is a gap; a rename is durable.
    const path = `${from}.new`;
    parts.runAside([{ type: "rename", from, to: path }, { type: "remove", path }, indexRemoval], () => {});
  };

  return {
    want: (belowHeight, keepCars) => {
      // Of cars that come from now on nobody has said yet whether they are needed.
      wanted = { belowHeight, keepCars: new Set(keepCars), beforeSegment: log.busyFrom() };
    },
    step: (limit) => {
      if (wanted === undefined) return false;
      const { keepCars, beforeSegment } = wanted;
      const belowHeight = Math.min(wanted.belowHeight, limit);
      const oldest = Math.min(...segments.keys());
      if (oldest >= Math.min(beforeSegment, log.busyFrom()) || (index.highest.get(oldest) ?? 0) >= belowHeight) {
        wanted = undefined;
        return false;
      }
      const needed = index.cars
        .inSegment(oldest)
        .filter(({ digest, height }) => (height === 0 ? keepCars.has(digest) : height >= belowHeight));
      if (needed.length > 0) {
        if (!move(needed)) wanted = undefined;
        return false;
      }
      remove(oldest, belowHeight);
      return true;
    },
  };
}
