import { assert } from "../base/assert.ts";
import { isPpm } from "./ratio.ts";
import { weightedMedian } from "./weighted-median.ts";

/** What one validator says of another about an epoch: signed and committed in the next one (domain.md, "CAL"). */
export type Report = {
  readonly reporter: number;
  readonly subject: number;
  readonly timelinessPpm: number;
  readonly availabilityPpm: number;
  /** Of those only that share a shard with the subject, and have exchanged with it. */
  readonly meshPpm?: number | undefined;
};

/** A member of the epoch with the weight frozen for it. */
export type WeightedMember = { readonly id: number; readonly weight: number };

/** With fewer that could report on the mesh its value is 1: too few to outvote a liar. */
export const MESH_REPORTERS_MIN = 3;

/** The reports about each subject. */
export function bySubject(
  reports: readonly Report[],
  weights: ReadonlyMap<number, number>,
): ReadonlyMap<number, ReadonlyMap<number, Report>> {
  const subjects = new Map<number, Map<number, Report>>();
  for (const report of reports) {
    const { reporter, subject, timelinessPpm, availabilityPpm, meshPpm } = report;
    assert(weights.has(reporter) && weights.has(subject) && reporter !== subject, "members report about other members");
    assert(isPpm(timelinessPpm) && isPpm(availabilityPpm) && isPpm(meshPpm ?? 0), "what is reported is a ratio");
    const about = subjects.get(subject) ?? new Map<number, Report>();
    subjects.set(subject, about);
    assert(!about.has(reporter), "a member reports about another once");
    about.set(reporter, report);
  }
  return subjects;
}

/**
 * The weighted median of what the possible reporters said, or the last value where those that said something hold less than
 * two thirds of their weight. So liars under a third of it can't move the value past what the honest say.
 */
export function reportedPpm({
  possible,
  said,
  last,
}: {
  possible: readonly WeightedMember[];
  said: (reporter: number) => number | undefined;
  last: number;
}): number {
  const voices = possible.flatMap(({ id, weight }) => {
    const value = said(id);
    return value === undefined ? [] : [{ id, weight, value }];
  });
  const weightOf = (those: readonly { readonly weight: number }[]) =>
    those.reduce((sum, { weight }) => sum + weight, 0);
  const enough = voices.length > 0 && 3 * weightOf(voices) >= 2 * weightOf(possible);
  return enough ? weightedMedian(voices) : last;
}
