import { LATENCY_BUCKETS } from "../../node/api/contract.ts";
import type { Millis } from "../../node/base/units.ts";
import { PPM } from "../../node/base/units.ts";
import type { Sample } from "../observe/snapshot.ts";
import { quantile, sumOfCounts } from "./histogram.ts";

/** What one node's samples of some time add up to. */
export type Series = {
  readonly validator: number;
  /** 95th percentile of its clients' latency; undefined if it served none. */
  readonly p95Ms: number | undefined;
  /** Per bucket of `LATENCY_BUCKETS`, plus one for beyond; empty if it served none. */
  readonly latencyCounts: readonly number[];
  /** The 95th percentile per sample, for comparing distributions. */
  readonly p95sMs: readonly number[];
  /** Batches answered, refused ones included: the basis of shares and of `minimumSamples`. */
  readonly batches: number;
  readonly failed: number;
  /** Records of clients, refused ones aside, in this many seconds. */
  readonly offered: number;
  readonly committed: number;
  readonly seconds: number;
  /** Use of the limits of its container, per sample. */
  readonly cpusPpm: readonly number[];
  readonly memoriesPpm: readonly number[];
  readonly errorsPpm: number;
  readonly samples: number;
  readonly unavailable: number;
  readonly availabilityPpm: number;
};

const p95Of = (counts: readonly number[]): number | undefined => {
  const value = counts.length === 0 ? undefined : quantile(0.95, LATENCY_BUCKETS, counts);
  return value === undefined ? undefined : value * 1000;
};

/** Samples never change, and each is looked at in many windows. */
const known = new WeakMap<Sample, number | undefined>();

function p95OfSample(sample: Sample): number | undefined {
  if (!known.has(sample)) known.set(sample, p95Of(sample.latencyCounts));
  return known.get(sample);
}

export function seriesOf(validator: number, samples: readonly Sample[]): Series {
  const batches = samples.reduce((sum, { batches: b }) => sum + b.accepted + b.refused + b.failed, 0);
  const failed = samples.reduce((sum, sample) => sum + sample.batches.failed, 0);
  const unavailable = samples.filter((sample) => !sample.available).length;
  const counts = sumOfCounts(samples.map((sample) => sample.latencyCounts));
  return {
    validator,
    p95Ms: p95Of(counts),
    latencyCounts: counts,
    p95sMs: samples.map(p95OfSample).filter((value) => value !== undefined),
    batches,
    failed,
    ...carried(samples),
    cpusPpm: samples.flatMap(({ usage }) => (usage === undefined ? [] : [usage.cpuPpm])),
    memoriesPpm: samples.flatMap(({ usage }) => (usage === undefined ? [] : [usage.memoryPpm])),
    errorsPpm: batches === 0 ? 0 : Math.floor((failed * PPM) / batches),
    samples: samples.length,
    unavailable,
    availabilityPpm: samples.length === 0 ? PPM : Math.floor(((samples.length - unavailable) * PPM) / samples.length),
  };
}

function carried(samples: readonly Sample[]): Pick<Series, "offered" | "committed" | "seconds"> {
  let [offered, committed, seconds] = [0, 0, 0];
  for (const { records, from, to } of samples) {
    offered += records?.offered ?? 0;
    committed += records?.committed ?? 0;
    seconds += (to - from) / 1000;
  }
  return { offered, committed, seconds };
}

export const within = (samples: readonly Sample[], from: Millis, to: Millis): readonly Sample[] =>
  samples.filter((sample) => sample.to > from && sample.to <= to);

/**
 * The samples of one pod from its first answer as ready on. What lies before is its start, which the deadline judges; only
 * samples after a restart count.
 */
export function sinceReady(samples: readonly Sample[], podUid: string): readonly Sample[] {
  const own = samples.filter((sample) => sample.podUid === podUid);
  const first = own.findIndex((sample) => sample.available);
  return first === -1 ? [] : own.slice(first);
}
