import { type Conduct, WINDOWS } from "./conduct.ts";
import type { Evidence } from "./measure.ts";
import { OMEGA_ONE } from "./omega.ts";
import type { Report } from "./reports.ts";

/** Conduct from one outcome for each block of the epoch, in order; votes are carried where they came in time or late. */
export function conductFrom(
  outcomes: readonly ("timely" | "late" | "missed" | "conflicting")[],
  dissenting = 0,
): Conduct {
  const of = (wanted: string) => outcomes.filter((outcome) => outcome === wanted).length;
  const windows = Array.from({ length: WINDOWS }, () => ({ blocks: 0, timely: 0 }));
  for (const [at, outcome] of outcomes.entries()) {
    const window = windows[Math.floor((WINDOWS * at) / outcomes.length)];
    if (window === undefined) throw new Error("each block has its window");
    window.blocks += 1;
    if (outcome === "timely") window.timely += 1;
  }
  const [timely, late] = [of("timely"), of("late")];
  return {
    ...{ blocks: outcomes.length, timely, late, missed: of("missed"), conflicting: of("conflicting") },
    ...{ carried: timely + late, dissenting, windows },
  };
}

/** Votes for so many blocks, all in time. */
export const flawlessConduct = (blocks: number): Conduct =>
  conductFrom(Array.from({ length: blocks }, () => "timely" as const));

const aboutAll = (
  ids: readonly number[],
  say: (reporter: number, subject: number) => Omit<Report, "reporter" | "subject">,
) =>
  ids.flatMap((reporter) =>
    ids.filter((subject) => subject !== reporter).map((subject) => ({ reporter, subject, ...say(reporter, subject) })),
  );

/** An epoch of 64 blocks in which each did all it should and said so of the others; every two share a shard. */
export function flawlessEvidence(weights: readonly number[]): Evidence {
  const ids = weights.map((_, id) => id);
  return {
    members: weights.map((weight, id) => ({ id, weight })),
    conduct: new Map(ids.map((id) => [id, flawlessConduct(64)])),
    reports: aboutAll(ids, () => ({ timelinessPpm: 1_000_000, availabilityPpm: 1_000_000, meshPpm: 1_000_000 })),
    meshReporters: (subject) => ids.filter((id) => id !== subject),
    before: new Map(ids.map((id) => [id, OMEGA_ONE])),
    last: { coherencePpm: 1_000_000, quorumCoherencePpm: 1_000_000 },
  };
}
