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
};

type Sighting = { readonly validator: number; readonly ready: boolean; readonly revision: string };

const OVERLAPS_MAX = 20;

/** Adds one look at the pods of a cluster of `validators`. A validator without a pod is down. */
export function addSample(
  before: Disruptions,
  sample: { atMs: number; validators: number; pods: readonly Sighting[] },
): Disruptions {
  const up = new Set(sample.pods.filter((pod) => pod.ready).map((pod) => pod.validator));
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
  };
}

export const noDisruptions: Disruptions = { samples: 0, mostDown: 0, overlaps: [], mostRevisions: 0 };
