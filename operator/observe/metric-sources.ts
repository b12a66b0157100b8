import { z } from "zod";
import { isObserver } from "../../node/api/contract.ts";
import { type Millis, millis } from "../../node/base/units.ts";
import type { Logger } from "../runtime/log.ts";
import type { Metrics } from "../runtime/metrics.ts";
import type { NodeTarget, ReadingTarget } from "./node-reader.ts";
import { type Counters, type MetricSource, metricSourceSchema, readCounters } from "./prometheus.ts";
import type { Mark } from "./sample.ts";
import type { MetricSourceState } from "./snapshot.ts";

const INTERVAL_MS = 5_000;
/** Counters that were scraped longer ago say nothing about now. */
const STALE_MS = 90_000;
/** How far the clocks of a node and of a source may be apart. */
const SKEW_MS = 5_000;
const SOURCES_MAX = 16;

/** The sources of the operator's configuration, as JSON. Throws on what does not fit, as options do. */
export function parseMetricSources(text: string): readonly MetricSource[] {
  const parsed = z.array(metricSourceSchema).max(SOURCES_MAX).safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(`--metric-sources does not fit:\n${z.prettifyError(parsed.error)}`);
  const names = parsed.data.map(({ name }) => name);
  if (new Set(names).size !== names.length) throw new Error("--metric-sources has one name twice");
  return parsed.data;
}

export type MetricSources = {
  /** The newest counters of a node by its cluster's source; undefined while it has none of this process. */
  readonly mark: (clusterKey: string, node: NodeTarget) => Mark | undefined;
  /** How the source of a cluster stands; undefined where the operator scrapes by itself. */
  readonly state: (clusterKey: string) => MetricSourceState | undefined;
  readonly start: () => void;
  readonly stop: () => void;
};

type Heard = { readonly counters: ReadonlyMap<string, Counters>; readonly error: string | undefined };

/** Asks the sources that clusters name, each cluster by one bounded query at a time. */
export function createMetricSources(options: {
  readonly sources: readonly MetricSource[];
  readonly targets: () => readonly ReadingTarget[];
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly now?: () => number;
  readonly intervalMs?: number;
}): MetricSources {
  const { sources, targets, metrics, log, now = Date.now, intervalMs = INTERVAL_MS } = options;
  const heard = new Map<string, Heard>();
  const asked = new Map<string, ReadingTarget>();
  const underWay = new Set<string>();
  let timer: NodeJS.Timeout | undefined;

  const ask = async ({ clusterKey, metricSource, nodes }: ReadingTarget): Promise<void> => {
    const source = sources.find(({ name }) => name === metricSource);
    if (source === undefined) return;
    const [namespace = ""] = clusterKey.split("/");
    const answer = await readCounters(
      source,
      namespace,
      nodes.map(({ pod }) => pod),
    );
    metrics.sourceQueries.inc({ source: source.name, result: answer.ok ? "ok" : "failed" });
    const before = heard.get(clusterKey);
    if (answer.ok) heard.set(clusterKey, { counters: answer.value, error: undefined });
    else {
      const error = (answer.detail ?? answer.reason).slice(0, 300);
      if (before?.error !== error)
        log.warn({ cluster: clusterKey, source: source.name, error }, "a metric source fails");
      heard.set(clusterKey, { counters: before?.counters ?? new Map(), error });
    }
  };
  const round = () => {
    const wanted = targets().filter(({ metricSource, nodes }) => metricSource !== undefined && nodes.length > 0);
    const keys = new Set(wanted.map(({ clusterKey }) => clusterKey));
    for (const known of [...asked.keys()]) {
      if (keys.has(known)) continue;
      asked.delete(known);
      heard.delete(known);
    }
    for (const target of wanted) {
      const { clusterKey } = target;
      // Answers of another source are not this one's.
      if (asked.get(clusterKey)?.metricSource !== target.metricSource) heard.delete(clusterKey);
      asked.set(clusterKey, target);
      if (underWay.has(clusterKey)) continue;
      underWay.add(clusterKey);
      ask(target)
        .catch((error: unknown) => {
          metrics.faults.inc({ where: "metric source" });
          log.error({ cluster: clusterKey, error }, "a metric source was asked wrongly, by a bug");
        })
        .finally(() => underWay.delete(clusterKey));
    }
  };
  const fresh = (clusterKey: string, { pod, createdAt }: NodeTarget): Counters | undefined => {
    const found = heard.get(clusterKey)?.counters.get(pod);
    if (found === undefined || now() - found.at > STALE_MS) return undefined;
    // A pod has the name of the one before it: what that one counted is not this one's.
    const begun: Millis = millis(found.at - 1000 * found.scrape.uptimeSeconds);
    return begun < createdAt - SKEW_MS ? undefined : found;
  };
  return {
    mark: (clusterKey, node) => {
      const found = fresh(clusterKey, node);
      return found === undefined ? undefined : { ...found, podUid: node.podUid };
    },
    state: (clusterKey) => {
      const target = asked.get(clusterKey);
      if (target?.metricSource === undefined) return undefined;
      const known = sources.some(({ name }) => name === target.metricSource);
      const unknown = `the operator has no metric source of that name: it has ${sources.map(({ name }) => name).join(", ") || "none"}`;
      const { error = undefined } = heard.get(clusterKey) ?? { error: "it has not answered yet" };
      return {
        source: target.metricSource,
        error: known ? error : unknown,
        missing: target.nodes
          .filter((node) => !isObserver(node.validator) && !node.stopping && fresh(clusterKey, node) === undefined)
          .map(({ validator }) => validator),
      };
    },
    start: () => {
      round();
      timer = setInterval(round, intervalMs);
    },
    stop: () => clearInterval(timer),
  };
}
