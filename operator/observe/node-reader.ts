import { isObserver } from "../../node/api/contract.ts";
import { type Millis, millis } from "../../node/base/units.ts";
import type { Logger } from "../runtime/log.ts";
import type { Metrics } from "../runtime/metrics.ts";
import { type ClusterFindings, changed, emptyFindings, keep, keepEpoch, SAMPLES_KEPT_MS } from "./findings.ts";
import { type Credentials, createNodeClient, type NodeClient } from "./node-client.ts";
import { type Due, dueReadings } from "./reading-pace.ts";
import { difference, type Limits, type Mark, unavailable, withoutClients } from "./sample.ts";
import type { MeasuredEpoch, NodeReading, Sample } from "./snapshot.ts";

/** One pod to read. */
export type NodeTarget = {
  /** Of an observer the number that it goes by. */
  readonly validator: number;
  readonly pod: string;
  readonly podUid: string;
  readonly createdAt: Millis;
  readonly ip: string;
  /** Of the node's container; undefined where it has none. */
  readonly limits: Limits | undefined;
  readonly revision: string;
  /** A pod that is being deleted is still read, but its silence is no fault. */
  readonly stopping: boolean;
};
/** The nodes of one cluster, and with what they are read; undefined while there is no certificate. */
export type ReadingTarget = {
  readonly clusterKey: string;
  readonly network: string;
  /** Name of the source that speaks for the clients; undefined: the nodes' own counters do. */
  readonly metricSource: string | undefined;
  readonly credentials: Credentials | undefined;
  /** Nothing is under way: its nodes are read seldom, and what they count wakes nobody. */
  readonly isAtRest: boolean;
  readonly nodes: readonly NodeTarget[];
};

export type NodeReaderOptions = {
  readonly targets: () => readonly ReadingTarget[];
  /** Counters of a node by its cluster's metric source. */
  readonly sourceMark: (clusterKey: string, node: NodeTarget) => Mark | undefined;
  /** A reading or sample of this cluster is new; at most once a second for each. */
  readonly onChange: (clusterKey: string) => void;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly now?: () => number;
  readonly port?: number;
  readonly intervalMs?: number;
};

const INTERVAL_MS = 2_000;
const NOTICE_MS = 1_000;
/** Answers that are waited for. More would only share the same processor time, and the last ones would come too late. */
const AT_ONCE = 64;

export type NodeReader = {
  readonly readings: (clusterKey: string) => ReadonlyMap<number, NodeReading>;
  readonly samples: (clusterKey: string) => readonly Sample[];
  readonly epochs: (clusterKey: string) => ReadonlyMap<number, readonly MeasuredEpoch[]>;
  /** Resolves when every node of the first round has answered or has been given up on. */
  readonly start: () => Promise<void>;
  readonly stop: () => void;
};

/** Polls every node's `/status` and `/metrics`. No gossip, no agents: what the judge sees is what the node answers. */
export function createNodeReader(options: NodeReaderOptions): NodeReader {
  const { targets, sourceMark, metrics, log, now = Date.now, port, intervalMs = INTERVAL_MS } = options;
  const clusters = new Map<string, ClusterFindings>();
  const clients = new Map<string, { readonly credentials: Credentials; readonly client: NodeClient }>();
  const underWay = new Set<string>();
  const notices = new Map<string, NodeJS.Timeout>();
  let timer: NodeJS.Timeout | undefined;
  const atOnce = createLimit(AT_ONCE);

  const notice = (clusterKey: string) => {
    if (notices.has(clusterKey)) return;
    const wait = setTimeout(() => notices.delete(clusterKey), NOTICE_MS);
    notices.set(clusterKey, wait);
    // What arrives within this second is seen with it, or with the next round.
    setImmediate(() => options.onChange(clusterKey));
  };
  const clientOf = ({ clusterKey, credentials }: ReadingTarget): NodeClient | undefined => {
    if (credentials === undefined) return undefined;
    const known = clients.get(clusterKey);
    const same =
      known?.credentials.ca === credentials.ca &&
      known.credentials.certificate === credentials.certificate &&
      known.credentials.key === credentials.key;
    if (known !== undefined && same) return known.client;
    known?.client.close();
    const client = createNodeClient(credentials, port);
    clients.set(clusterKey, { credentials, client });
    return client;
  };
  const forget = (clusterKey: string) => {
    clients.get(clusterKey)?.client.close();
    clients.delete(clusterKey);
    clusters.delete(clusterKey);
    clearTimeout(notices.get(clusterKey));
    notices.delete(clusterKey);
  };

  const read = async ({ target, node, standsFor }: Due, client: NodeClient, found: ClusterFindings) => {
    const { validator, podUid, revision } = node;
    const address = { ip: node.ip, validator, network: target.network };
    const began = millis(now());
    const asked = client.status(address);
    // A connection is made for it and given up again where nothing is under way: one will do.
    if (target.isAtRest) await asked;
    const [status, scrape] = await Promise.all([asked, client.scrape(address)]);
    const at = millis(now());
    const stands = standsFor === undefined ? {} : { standsFor };
    const reading: NodeReading = status.ok
      ? { at, podUid, ...stands, status: status.value }
      : { at, podUid, ...stands, unreachable: status.detail ?? status.reason };
    metrics.nodeReadings.inc({ result: status.ok && scrape.ok ? "ok" : "failed" });
    const isNew = changed(found.readings.get(validator), reading);
    found.readings.set(validator, reading);
    if (status.ok && !isObserver(validator)) keepEpoch(found, validator, status.value, at);

    const before = found.marks.get(validator);
    const mark: Mark | undefined = scrape.ok ? { at, podUid, scrape: scrape.value } : undefined;
    if (mark !== undefined) found.marks.set(validator, mark);
    const whose = { validator, podUid, revision };
    const ready = status.ok && status.value.ready;
    const sample =
      mark === undefined
        ? unavailable(whose, began, at, before?.podUid === podUid ? before.scrape.safetyViolations : 0)
        : before === undefined
          ? undefined
          : difference(whose, ready, { before, after: mark, limits: node.limits });
    if (sample !== undefined && !node.stopping) {
      const told =
        target.metricSource === undefined
          ? sample
          : bySource(found, sample, sourceMark(target.clusterKey, node), node.limits);
      keep(found, told, at);
    }
    if (isNew || (sample !== undefined && !target.isAtRest)) notice(target.clusterKey);
  };

  const lastRead = ({ clusterKey }: ReadingTarget, { validator, podUid }: NodeTarget): Millis | undefined => {
    const last = clusters.get(clusterKey)?.readings.get(validator);
    return last?.podUid === podUid ? last.at : undefined;
  };

  const round = (): readonly Promise<void>[] => {
    const reads: Promise<void>[] = [];
    const present = targets();
    const keys = new Set(present.map(({ clusterKey }) => clusterKey));
    for (const known of [...clusters.keys()]) if (!keys.has(known)) forget(known);
    for (const due of dueReadings(present, lastRead, millis(now()), intervalMs)) {
      const { target, node } = due;
      const client = clientOf(target);
      if (client === undefined || underWay.has(node.podUid)) continue;
      const found = clusters.get(target.clusterKey) ?? emptyFindings();
      clusters.set(target.clusterKey, found);
      underWay.add(node.podUid);
      const reading = atOnce(() => read(due, client, found))
        .catch((error: unknown) => {
          metrics.faults.inc({ where: "node reader" });
          log.error({ cluster: target.clusterKey, validator: node.validator, error }, "a reading failed by a bug");
        })
        .finally(() => underWay.delete(node.podUid));
      reads.push(reading);
    }
    return reads;
  };
  return {
    readings: (clusterKey) => new Map(clusters.get(clusterKey)?.readings),
    epochs: (clusterKey) => new Map(clusters.get(clusterKey)?.epochs),
    samples: (clusterKey) => {
      const oldest: Millis = millis(now() - SAMPLES_KEPT_MS);
      const samples = clusters.get(clusterKey)?.samples ?? [];
      const first = samples.findIndex(({ to }) => to >= oldest);
      return first === -1 ? [] : samples.slice(first);
    },
    start: async () => {
      const first = round();
      timer = setInterval(round, intervalMs);
      await Promise.all(first);
    },
    stop: () => {
      clearInterval(timer);
      for (const clusterKey of [...clusters.keys()]) forget(clusterKey);
    },
  };
}

/** So many at a time; the others wait their turn. */
function createLimit(most: number): (act: () => Promise<void>) => Promise<void> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (act) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      await act();
    } finally {
      // Whoever comes next takes this place.
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

/** What clients saw by the word of a metric source: what it newly has is told once, and nothing where it has nothing new. */
function bySource(found: ClusterFindings, sample: Sample, mark: Mark | undefined, limits: Limits | undefined): Sample {
  const before = found.sourceMarks.get(sample.validator);
  const silent = withoutClients(sample);
  if (mark === undefined || (before?.podUid === mark.podUid && mark.at <= before.at)) return silent;
  found.sourceMarks.set(sample.validator, mark);
  const seen = before === undefined ? undefined : difference(sample, sample.available, { before, after: mark, limits });
  if (seen === undefined) return silent;
  const { latencyCounts, batches, records, usage } = seen;
  return {
    ...{ ...silent, latencyCounts, batches },
    ...(records === undefined ? {} : { records }),
    ...(usage === undefined ? {} : { usage }),
  };
}
