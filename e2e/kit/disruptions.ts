import type { Pod } from "./objects.ts";

/** When more than one validator was down at once, and which. */
export type Overlap = { readonly atMs: number; readonly down: readonly number[] };

/** What a watcher saw. */
export type Disruptions = {
  /** How often it looked. */
  readonly samples: number;
  /** The most validators that were down at once. */
  readonly mostDown: number;
  /** The first times that more than one was. */
  readonly overlaps: readonly Overlap[];
  /** The most revisions that pods had at once. */
  readonly mostRevisions: number;
  /** By validator the process that was seen Ready last, and when. */
  readonly lastReady: ReadonlyMap<number, { readonly process: string; readonly atMs: number }>;
};

type Sighting = Pick<Pod, "validator" | "ready" | "revision" | "uid" | "restarts" | "deleting">;

const OVERLAPS_MAX = 20;
/** A process that goes on may lose its readiness for so long: on a crowded machine a probe or a block comes late, and nobody did it. */
const WAVERS_MS = 5_000;

/** Adds one look at the pods of a cluster of `validators`. A validator without a pod is down, and so is one that is stopping or begins. */
export function addSample(
  before: Disruptions,
  sample: { atMs: number; validators: number; pods: readonly Sighting[] },
): Disruptions {
  const lastReady = new Map(before.lastReady);
  for (const pod of sample.pods)
    if (pod.ready) lastReady.set(pod.validator, { process: processOf(pod), atMs: sample.atMs });
  const wavers = (pod: Sighting): boolean => {
    const last = lastReady.get(pod.validator);
    return !pod.deleting && last?.process === processOf(pod) && sample.atMs - last.atMs < WAVERS_MS;
  };
  const up = new Set(sample.pods.filter((pod) => pod.ready || wavers(pod)).map((pod) => pod.validator));
  const down = Array.from({ length: sample.validators }, (_, id) => id).filter((id) => !up.has(id));
  const overlaps =
    down.length > 1 && before.overlaps.length < OVERLAPS_MAX
      ? [...before.overlaps, { atMs: sample.atMs, down }]
      : before.overlaps;
  const revisions = new Set(sample.pods.map((pod) => pod.revision)).size;
  return {
    samples: before.samples + 1,
    mostDown: Math.max(before.mostDown, down.length),
    overlaps,
    mostRevisions: Math.max(before.mostRevisions, revisions),
    lastReady,
  };
}

const processOf = ({ uid, restarts }: Sighting): string => `${uid} ${restarts}`;

export const noDisruptions: Disruptions = {
  ...{ samples: 0, mostDown: 0, overlaps: [], mostRevisions: 0 },
  lastReady: new Map(),
};
