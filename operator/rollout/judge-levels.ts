import { LATENCY_BUCKETS } from "../../node/api/contract.ts";
import { PPM } from "../../node/base/units.ts";
import { countAbove, median } from "./histogram.ts";
import type { JudgeInput } from "./judge.ts";
import type { Comparison, Difference, Standing } from "./judge-table.ts";
import { mannWhitney } from "./mann-whitney.ts";
import type { Series } from "./series.ts";

/** One level, as the nodes stand against it. */
export type Metric = {
  readonly name: string;
  readonly comparison: Comparison;
  readonly newValue: string;
  readonly oldValue: string;
  readonly limit: string;
};

/** The nodes that are held against it. */
export type Groups = {
  /** On the new release, now. */
  readonly fresh: readonly Series[];
  /** On the old release, now. */
  readonly old: readonly Series[];
  /** Before the rollout. */
  readonly before: readonly Series[];
};

/** One probability in twenty of calling equal nodes different, in one window; `failureLimit` windows in a row are needed. */
const SIGNIFICANCE = 0.05;
/** A single reading that is lost says little about a node, and much about the network between. */
const UNAVAILABLE_MIN = 2;

const p95s = ({ p95sMs }: Series): readonly number[] => p95sMs;

export function latencyMetric(input: JudgeInput, groups: Groups): Metric {
  const { fresh, old } = groups;
  const limit = input.levels.latencyP95Millis;
  const enough = (series: Series) => series.batches >= input.minimumSamples && series.p95Ms !== undefined;
  const value = (series: Series) => series.p95Ms ?? 0;
  // A 95th percentile over the limit is more than a twentieth of the batches over it.
  const bad = ({ latencyCounts }: Series) =>
    exceeds({
      count: countAbove(limit / 1000, LATENCY_BUCKETS, latencyCounts),
      of: latencyCounts.reduce((sum, count) => sum + count, 0),
      share: 0.05,
    });
  return {
    name: "latencyP95",
    comparison: compared(groups, enough, bad, p95s),
    newValue: text(Math.max(...fresh.filter(enough).map(value)), "ms"),
    oldValue: text(median(old.filter(enough).map(value)), "ms"),
    limit: `${limit} ms`,
  };
}

export function errorsMetric(input: JudgeInput, groups: Groups): Metric {
  const { fresh, old } = groups;
  const limit = input.levels.errorsPpm;
  const enough = (series: Series) => series.batches >= input.minimumSamples;
  const value = (series: Series) => series.errorsPpm;
  const bad = ({ failed, batches }: Series) => exceeds({ count: failed, of: batches, share: limit / PPM });
  return {
    name: "errors",
    comparison: compared(groups, enough, bad),
    newValue: share(Math.max(...fresh.filter(enough).map(value))),
    oldValue: share(median(old.filter(enough).map(value))),
    limit: share(limit),
  };
}

export function availabilityMetric(
  input: JudgeInput,
  fresh: readonly Series[],
  old: readonly Series[],
): Metric | "blind" {
  const limit = input.levels.availabilityPpm;
  const lost = (series: Series) => series.samples > 0 && series.unavailable === series.samples;
  if (old.length > 0 && [...fresh, ...old].every(lost)) return "blind";
  const enough = (series: Series) => series.samples > 0;
  const bad = (series: Series) => series.unavailable >= UNAVAILABLE_MIN && series.availabilityPpm < limit;
  return {
    name: "availability",
    // Nodes were Ready when the rollout began, or it would not have.
    comparison: { ...compared({ fresh, old, before: [] }, enough, bad), before: "Good" },
    newValue: share(Math.min(...fresh.filter(enough).map((series) => series.availabilityPpm))),
    oldValue: share(median(old.filter(enough).map((series) => series.availabilityPpm))),
    limit: share(limit),
  };
}

/** The three comparisons; new against others, sample by sample, where a level has samples of its own. */
export function compared<Node>(
  { fresh, old, before }: { readonly [group in keyof Groups]: readonly Node[] },
  enough: (node: Node) => boolean,
  bad: (node: Node) => boolean,
  samples?: (node: Node) => readonly number[],
): Comparison {
  const than = (others: readonly Node[]): Difference =>
    samples === undefined ? "Unknown" : difference(fresh.filter(bad), others, samples);
  return {
    fresh: freshStanding(fresh, enough, bad),
    old: groupStanding(old.filter(enough), bad),
    before: groupStanding(before.filter(enough), bad),
    thanOld: than(old),
    thanBefore: than(before),
  };
}

/** One bad node is enough; one without data keeps the others from being a pass. */
function freshStanding<Node>(
  group: readonly Node[],
  enough: (node: Node) => boolean,
  bad: (node: Node) => boolean,
): Standing {
  if (group.some((node) => enough(node) && bad(node))) return "Bad";
  return group.length > 0 && group.every(enough) ? "Good" : "NoData";
}

/** Bad if most of its nodes are. */
function groupStanding<Node>(group: readonly Node[], bad: (node: Node) => boolean): Standing {
  if (group.length === 0) return "NoData";
  return 2 * group.filter(bad).length > group.length ? "Bad" : "Good";
}

/** One chance in a hundred of calling a share too high that is exactly at its limit. */
const EXCESS_DEVIATIONS = 2.33;

/** Whether so many of so many are more than a share of them by more than chance (binomial, normal approximation). */
function exceeds({ count, of, share: limit }: { count: number; of: number; share: number }): boolean {
  return count > of * limit + EXCESS_DEVIATIONS * Math.sqrt(of * limit * (1 - limit));
}

/** A batch on either edge of a window is counted on one side alone; so many of mean size are no shortfall. */
const EDGE_BATCHES = 3;
/** Of what was offered. */
const CARRIED = 0.95;

/** Whether clients' records are committed as fast as they are offered, or as the floor asks (domain.md, "Service levels"). */
export function throughputMetric({ levels, minimumSamples }: JudgeInput, groups: Groups): Metric {
  const { fresh, old } = groups;
  const enough = ({ batches, offered }: Series) => batches >= minimumSamples && offered > 0;
  const bad = ({ offered, committed, batches, seconds }: Series) =>
    committed + (EDGE_BATCHES * offered) / batches < Math.min(levels.throughputFloor * seconds, CARRIED * offered);
  const rate = ({ committed, seconds }: Series) => committed / Math.max(1, seconds);
  const worst = fresh.filter(enough).toSorted((a, b) => a.committed / a.offered - b.committed / b.offered)[0];
  return {
    name: "throughput",
    comparison: compared(groups, enough, bad),
    newValue: text(worst === undefined ? undefined : rate(worst), "/s"),
    oldValue: text(median(old.filter(enough).map(rate)), "/s"),
    limit: text(
      worst === undefined
        ? undefined
        : Math.min(levels.throughputFloor, (CARRIED * worst.offered) / Math.max(1, worst.seconds)),
      "/s",
    ),
  };
}

/** Fewer readings say little about a process that computes in bursts. */
const USAGE_SAMPLES_MIN = 3;

/** Of the limits of its container: what a node uses of CPU, or holds of memory. */
export function usageMetric({ levels }: JudgeInput, what: "cpu" | "memory", groups: Groups): Metric {
  const { fresh, old } = groups;
  const limit = what === "cpu" ? levels.cpuPpm : levels.memoryPpm;
  const values = ({ cpusPpm, memoriesPpm }: Series) => (what === "cpu" ? cpusPpm : memoriesPpm);
  const enough = (series: Series) => values(series).length >= USAGE_SAMPLES_MIN;
  const value = (series: Series) => median(values(series)) ?? 0;
  const bad = (series: Series) => value(series) > limit;
  return {
    name: what,
    comparison: compared(groups, enough, bad, values),
    newValue: share(Math.max(...fresh.filter(enough).map(value))),
    oldValue: share(median(old.filter(enough).map(value))),
    limit: share(limit),
  };
}

/** Values of the others that noise alone reaches once in twenty times. */
const NOISE_QUANTILE = 0.95;
/** What a person would call slower, beyond that. */
const NOTICEABLE = 1.15;

/**
 * New nodes against others, sample by sample: worse if Mann-Whitney says that it is not chance, and if half of the new values
 * lie noticeably above what the others reach once in twenty times. Many samples make the first true of a difference that nobody would
 * notice, and of a load that drifts. Unknown where so few samples could show nothing.
 */
function difference<Node>(
  fresh: readonly Node[],
  others: readonly Node[],
  of: (node: Node) => readonly number[],
): Difference {
  const a = fresh.flatMap(of);
  const b = others.flatMap(of);
  const test = mannWhitney(a, b);
  const best = mannWhitney(
    a.map((_, index) => 2 + index / a.length),
    b.map((_, index) => index / b.length),
  );
  if (test === undefined || best === undefined || best.pGreater > SIGNIFICANCE) return "Unknown";
  const noise = b.toSorted((x, y) => x - y)[Math.ceil(NOISE_QUANTILE * b.length) - 1] ?? 0;
  return test.pGreater <= SIGNIFICANCE && (median(a) ?? 0) > NOTICEABLE * noise ? "Worse" : "NotWorse";
}

export const share = (ppm: number | undefined): string =>
  ppm === undefined || !Number.isFinite(ppm) ? "" : `${(100 * ppm) / PPM} %`;

export const text = (value: number | undefined, unit: string): string =>
  value === undefined || !Number.isFinite(value) ? "" : `${Math.round(value)} ${unit}`;
