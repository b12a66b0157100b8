import { LATENCY_BUCKETS } from "../../node/api/contract.ts";
import { type Millis, millis, PPM, seconds } from "../../node/base/units.ts";
import type { ClusterSpec } from "../api/cluster.ts";
import type { JudgedWindow, Verdict } from "../api/rollout.ts";
import type { MetricSourceState, Sample } from "../observe/snapshot.ts";
import { countAbove, median } from "./histogram.ts";
import { type Comparison, type Difference, decideByTable, type Standing } from "./judge-table.ts";
import { mannWhitney } from "./mann-whitney.ts";
import { type Series, seriesOf, sinceReady, within } from "./series.ts";
import { timeText } from "./time.ts";

export type JudgedNode = { readonly id: number; readonly podUid: string };

export type JudgeInput = {
  readonly samples: readonly Sample[];
  /** The window (from, to]. */
  readonly from: Millis;
  readonly to: Millis;
  /** Start of the rollout: earlier samples are what "before" means. */
  readonly startedAt: Millis;
  readonly phase: number;
  /** Nothing was there before: no node owes data about clients. */
  readonly firstDeployment: boolean;
  /** Nodes on the new release that have been ready, and nodes on the old one. */
  readonly fresh: readonly JudgedNode[];
  readonly old: readonly JudgedNode[];
  /** Of the source that speaks for the clients; undefined where the nodes' own counters do. */
  readonly source?: MetricSourceState | undefined;
  readonly levels: ClusterSpec["serviceLevels"];
  readonly minimumSamples: number;
};

export type Finding = {
  readonly window: JudgedWindow;
  /** No node of either kind served a client: levels of service have nothing to say. */
  readonly nobodyServed: boolean;
  readonly safety: boolean;
};

/** One probability in twenty of calling equal nodes different, in one window; `failureLimit` windows in a row are needed. */
const SIGNIFICANCE = 0.05;
/** A single reading that is lost says little about a node, and much about the network between. */
const UNAVAILABLE_MIN = 2;
const AVAILABILITY_WINDOW = seconds(10);

type Metric = {
  readonly name: string;
  readonly comparison: Comparison;
  readonly newValue: string;
  readonly oldValue: string;
  readonly limit: string;
};

export function judge(input: JudgeInput): Finding {
  const broken = safetyBreach(input);
  if (broken !== undefined)
    return {
      window: windowOf(input, "Fail", broken, `a breach of safety was ${broken.newValue}`),
      nobodyServed: false,
      safety: true,
    };
  const fresh = input.fresh.map((node) => ownSeries(input, node, input.from));
  const old = input.old.map((node) => ownSeries(input, node, input.from));
  const before = [...new Set(input.samples.map((sample) => sample.validator))].map((id) =>
    seriesOf(
      id,
      input.samples.filter((sample) => sample.validator === id && sample.to <= input.startedAt),
    ),
  );
  const nobodyServed = [...fresh, ...old].every((series) => series.batches === 0);
  const lookBack = millis(Math.min(input.from, input.to - AVAILABILITY_WINDOW));
  const availability = availabilityMetric(
    input,
    input.fresh.map((node) => ownSeries(input, node, lookBack)),
    input.old.map((node) => ownSeries(input, node, lookBack)),
  );
  if (availability === "blind")
    return {
      window: {
        ...windowOf(
          input,
          "Error",
          undefined,
          "no node of either release could be read: the fault is likely the operator's or the network's",
        ),
      },
      nobodyServed,
      safety: false,
    };
  const silence = sourceSilence(input);
  if (silence !== undefined) {
    // Availability is the operator's own reading, and needs no source.
    const own = worst(input, [availability], false);
    return { window: own.verdict === "Fail" ? own : silence, nobodyServed: false, safety: false };
  }
  const owing = fresh.filter((series) => nobodyServed || owesData(input, series));
  const metrics = [
    // Without a single node that owes data, levels about clients have nothing to say.
    ...(owing.length === 0 ? [] : [latencyMetric(input, owing, old, before), errorsMetric(input, owing, old, before)]),
    availability,
  ];
  return { window: worst(input, metrics, nobodyServed), nobodyServed, safety: false };
}

/**
 * A source that fails, or has nothing of a new node, is told as such: the operator's own counters never stand in for it unseen. A first
 * deployment may come before whoever scrapes it.
 */
function sourceSilence(input: JudgeInput): JudgedWindow | undefined {
  const { source, fresh, firstDeployment } = input;
  if (source === undefined || firstDeployment) return undefined;
  if (source.error !== undefined)
    return windowOf(input, "Error", undefined, `metric source ${source.source}: ${source.error}`);
  const missing = fresh.filter(({ id }) => source.missing.includes(id)).map(({ id }) => id);
  return missing.length === 0
    ? undefined
    : windowOf(
        input,
        "NoData",
        undefined,
        `metric source ${source.source} has no fresh series of node ${missing.join(", ")}: does it scrape the pods, and under the labels that its configuration names?`,
      );
}

const severity: readonly Verdict[] = ["Fail", "Error", "Inconclusive", "NoData", "Pass"];

function worst(input: JudgeInput, metrics: readonly Metric[], nobodyServed: boolean): JudgedWindow {
  const judged = metrics.map((metric) => ({ metric, verdict: decideByTable(metric.comparison) }));
  const [first] = judged.toSorted((a, b) => severity.indexOf(a.verdict) - severity.indexOf(b.verdict));
  if (first === undefined || first.verdict === "Pass")
    return windowOf(input, "Pass", metrics[0], "every level is met by the nodes on the new release");
  const { metric, verdict } = first;
  if (verdict === "NoData")
    return windowOf(
      input,
      "NoData",
      undefined,
      nobodyServed
        ? "nobody was served"
        : `too few client batches at a node on the new release to judge its ${metric.name}`,
    );
  const bad = `${metric.name} ${metric.newValue} against a level of ${metric.limit}`;
  const others = metric.oldValue === "" ? "" : `, ${metric.oldValue} on the old release`;
  return windowOf(
    input,
    verdict,
    metric,
    verdict === "Fail" ? `${bad}${others}` : `${bad}${others}: not the release alone, or nothing to compare with`,
  );
}

function latencyMetric(
  input: JudgeInput,
  fresh: readonly Series[],
  old: readonly Series[],
  before: readonly Series[],
): Metric {
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
    comparison: {
      fresh: freshStanding(fresh, enough, bad),
      old: groupStanding(old.filter(enough), bad),
      before: groupStanding(before.filter(enough), bad),
      thanOld: difference(fresh.filter(bad), old),
      thanBefore: difference(fresh.filter(bad), before),
    },
    newValue: text(Math.max(...fresh.filter(enough).map(value)), "ms"),
    oldValue: text(median(old.filter(enough).map(value)), "ms"),
    limit: `${limit} ms`,
  };
}

function errorsMetric(
  input: JudgeInput,
  fresh: readonly Series[],
  old: readonly Series[],
  before: readonly Series[],
): Metric {
  const limit = input.levels.errorsPpm;
  const enough = (series: Series) => series.batches >= input.minimumSamples;
  const value = (series: Series) => series.errorsPpm;
  const bad = ({ failed, batches }: Series) => exceeds({ count: failed, of: batches, share: limit / PPM });
  return {
    name: "errors",
    comparison: {
      fresh: freshStanding(fresh, enough, bad),
      old: groupStanding(old.filter(enough), bad),
      before: groupStanding(before.filter(enough), bad),
      thanOld: "Unknown",
      thanBefore: "Unknown",
    },
    newValue: share(Math.max(...fresh.filter(enough).map(value))),
    oldValue: share(median(old.filter(enough).map(value))),
    limit: share(limit),
  };
}

function availabilityMetric(input: JudgeInput, fresh: readonly Series[], old: readonly Series[]): Metric | "blind" {
  const limit = input.levels.availabilityPpm;
  const lost = (series: Series) => series.samples > 0 && series.unavailable === series.samples;
  if (old.length > 0 && [...fresh, ...old].every(lost)) return "blind";
  const enough = (series: Series) => series.samples > 0;
  const bad = (series: Series) => series.unavailable >= UNAVAILABLE_MIN && series.availabilityPpm < limit;
  return {
    name: "availability",
    comparison: {
      fresh: freshStanding(fresh, enough, bad),
      old: groupStanding(old.filter(enough), bad),
      // Nodes were Ready when the rollout began, or it would not have.
      before: "Good",
      thanOld: "Unknown",
      thanBefore: "Unknown",
    },
    newValue: share(Math.min(...fresh.filter(enough).map((series) => series.availabilityPpm))),
    oldValue: share(median(old.filter(enough).map((series) => series.availabilityPpm))),
    limit: share(limit),
  };
}

/** One bad node is enough; one without data keeps the others from being a pass. */
function freshStanding(
  group: readonly Series[],
  enough: (series: Series) => boolean,
  bad: (series: Series) => boolean,
): Standing {
  if (group.some((series) => enough(series) && bad(series))) return "Bad";
  return group.length > 0 && group.every(enough) ? "Good" : "NoData";
}

/** Bad if most of its nodes are. */
function groupStanding(group: readonly Series[], bad: (series: Series) => boolean): Standing {
  if (group.length === 0) return "NoData";
  return 2 * group.filter(bad).length > group.length ? "Bad" : "Good";
}

/** One chance in a hundred of calling a share too high that is exactly at its limit. */
const EXCESS_DEVIATIONS = 2.33;

/** Whether so many of so many are more than a share of them by more than chance (binomial, normal approximation). */
function exceeds({ count, of, share: limit }: { count: number; of: number; share: number }): boolean {
  return count > of * limit + EXCESS_DEVIATIONS * Math.sqrt(of * limit * (1 - limit));
}

/** A node that had no clients before the rollout, while its samples reach back there, owes no data about them now. */
function owesData(input: JudgeInput, series: Series): boolean {
  if (series.batches > 0) return true;
  if (input.firstDeployment) return false;
  const before = input.samples.filter(
    (sample) => sample.validator === series.validator && sample.to <= input.startedAt,
  );
  return before.length === 0 || before.some(({ batches }) => batches.accepted + batches.refused + batches.failed > 0);
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
function difference(fresh: readonly Series[], others: readonly Series[]): Difference {
  const a = fresh.flatMap((series) => series.p95sMs);
  const b = others.flatMap((series) => series.p95sMs);
  const test = mannWhitney(a, b);
  const best = mannWhitney(
    a.map((_, index) => 2 + index / a.length),
    b.map((_, index) => index / b.length),
  );
  if (test === undefined || best === undefined || best.pGreater > SIGNIFICANCE) return "Unknown";
  const noise = b.toSorted((x, y) => x - y)[Math.ceil(NOISE_QUANTILE * b.length) - 1] ?? 0;
  return test.pGreater <= SIGNIFICANCE && (median(a) ?? 0) > NOTICEABLE * noise ? "Worse" : "NotWorse";
}

const ownSeries = (input: JudgeInput, node: JudgedNode, from: Millis): Series =>
  seriesOf(node.id, within(sinceReady(input.samples, node.podUid), from, input.to));

/** New processes must not have seen a breach at all; old ones none since the rollout began. */
function safetyBreach(input: JudgeInput): Metric | undefined {
  const grown = (node: JudgedNode, since: Millis): boolean => {
    const own = input.samples.filter((sample) => sample.podUid === node.podUid && sample.to <= input.to);
    const before = own.filter((sample) => sample.to <= since).at(-1) ?? (since > 0 ? own[0] : undefined);
    return own.some((sample) => sample.to > since && sample.safetyViolations > (before?.safetyViolations ?? 0));
  };
  const seenBy = [
    ...input.fresh.filter((node) => grown(node, millis(0))),
    ...input.old.filter((node) => grown(node, input.startedAt)),
  ].map((node) => node.id);
  if (seenBy.length === 0) return undefined;
  const comparison: Comparison = {
    fresh: "Bad",
    old: "Good",
    before: "Good",
    thanOld: "Unknown",
    thanBefore: "Unknown",
  };
  return {
    name: "safety",
    comparison,
    newValue: `seen by ${seenBy.join(", ")}`.slice(0, 64),
    oldValue: "",
    limit: "none",
  };
}

const share = (ppm: number | undefined): string =>
  ppm === undefined || !Number.isFinite(ppm) ? "" : `${(100 * ppm) / PPM} %`;

const text = (value: number | undefined, unit: string): string =>
  value === undefined || !Number.isFinite(value) ? "" : `${Math.round(value)} ${unit}`;

const windowOf = (input: JudgeInput, verdict: Verdict, metric: Metric | undefined, message: string): JudgedWindow => ({
  time: timeText(input.to),
  phase: input.phase,
  verdict,
  metric: metric?.name ?? "",
  newValue: metric?.newValue ?? "",
  oldValue: metric?.oldValue ?? "",
  limit: metric?.limit ?? "",
  message: message.slice(0, 512),
});
