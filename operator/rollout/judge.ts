import { type Millis, millis, seconds } from "../../node/base/units.ts";
import type { ClusterSpec } from "../api/cluster.ts";
import type { JudgedWindow, Verdict } from "../api/rollout.ts";
import type { MetricSourceState, Sample } from "../observe/snapshot.ts";
import type { SignedEpoch } from "./epochs.ts";
import {
  availabilityMetric,
  errorsMetric,
  type Groups,
  latencyMetric,
  type Metric,
  throughputMetric,
  usageMetric,
} from "./judge-levels.ts";
import { peersMetrics } from "./judge-peers.ts";
import { type Comparison, decideByTable } from "./judge-table.ts";
import { type Series, seriesOf, sinceReady, within } from "./series.ts";
import { timeText } from "./time.ts";

export type JudgedNode = {
  readonly id: number;
  readonly podUid: string;
  /** Since when the kubelet says so; samples are kept in memory, and may begin later. */
  readonly readySince?: Millis;
};

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
  /** What the validators signed of one another, ascending. */
  readonly signed: readonly SignedEpoch[];
  readonly levels: ClusterSpec["serviceLevels"];
  readonly minimumSamples: number;
};

export type Finding = {
  readonly window: JudgedWindow;
  /** No node of either kind served a client: levels of service have nothing to say. */
  readonly nobodyServed: boolean;
  readonly safety: boolean;
};

const AVAILABILITY_WINDOW = seconds(10);

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
  const groups: Groups = { fresh: owing, old, before };
  const warm = { fresh: fresh.map(withoutWarmUp(input)), old, before };
  const metrics = [
    // Without a single node that owes data, levels about clients have nothing to say.
    ...(owing.length === 0 ? [] : [latencyMetric, errorsMetric].map((metric) => metric(input, groups))),
    availability,
    // These alone keep nothing from passing: what was overloaded before is not the release's, and clients' levels speak.
    ...[
      throughputMetric(input, groups),
      usageMetric(input, "cpu", warm),
      usageMetric(input, "memory", warm),
      ...peersMetrics(input),
    ].filter(({ comparison }) => decideByTable(comparison) === "Fail"),
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

/** A node that had no clients before the rollout, while its samples reach back there, owes no data about them now. */
function owesData(input: JudgeInput, series: Series): boolean {
  if (series.batches > 0) return true;
  if (input.firstDeployment) return false;
  const before = input.samples.filter(
    (sample) => sample.validator === series.validator && sample.to <= input.startedAt,
  );
  return before.length === 0 || before.some(({ batches }) => batches.accepted + batches.refused + batches.failed > 0);
}

/** A process that has just started compiles, and catches up. */
const WARM_UP = seconds(30);

const withoutWarmUp =
  (input: JudgeInput) =>
  ({ validator }: Series): Series => {
    const node = input.fresh.find(({ id }) => id === validator);
    const samples = sinceReady(input.samples, node?.podUid ?? "");
    const warm = (samples[0]?.to ?? input.to) + WARM_UP;
    return seriesOf(validator, within(samples, millis(Math.max(input.from, warm)), input.to));
  };

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
