import { millis } from "../node/base/units.ts";
import { FIELD_MANAGER } from "./api/group.ts";
import { type Caches, clusterKeyOf, watchAll } from "./observe/caches.ts";
import { createCrashLogs } from "./observe/crash-logs.ts";
import { createFleets } from "./observe/fleet.ts";
import { createMetricSources, parseMetricSources } from "./observe/metric-sources.ts";
import { createNodeReader } from "./observe/node-reader.ts";
import { observe } from "./observe/observe.ts";
import { readingTargets } from "./observe/reading-targets.ts";
import type { Snapshot } from "./observe/snapshot.ts";
import type { Options } from "./options.ts";
import type { Decision } from "./reconcile/actions.ts";
import { createApplier } from "./reconcile/apply.ts";
import { createClaimFaults } from "./reconcile/claim-faults.ts";
import { createOrders } from "./reconcile/orders.ts";
import { createOwnWrites } from "./reconcile/own-writes.ts";
import { createReconciler } from "./reconcile/reconciler.ts";
import { createClient } from "./runtime/client.ts";
import type { Connection } from "./runtime/connection.ts";
import { createRecorder } from "./runtime/events.ts";
import { electLeader } from "./runtime/lease.ts";
import type { Logger } from "./runtime/log.ts";
import { createMetrics } from "./runtime/metrics.ts";
import { createQueue } from "./runtime/queue.ts";
import { itemKey } from "./runtime/resource.ts";
import { startProbeServer } from "./runtime/server.ts";
import { createVerbs } from "./runtime/verbs.ts";
import { startExporter } from "./trace/exporter.ts";
import { noSpan } from "./trace/span.ts";
import { createTracer } from "./trace/tracer.ts";

export type Operator = {
  /** Port of `/metrics`, `/healthz` and `/readyz`. */
  readonly port: number;
  /** Finishes what is under way, writes nothing more, and gives the Lease back. */
  readonly stop: () => Promise<void>;
};

/** From one view of a cluster to what is to be done. */
export type Mind = (snapshot: Snapshot) => Decision;

export type Surroundings = {
  readonly options: Options;
  readonly connection: Connection;
  readonly log: Logger;
  /** Of this process, in Lease and events. */
  readonly identity: string;
  /** The Lease was lost: this process may write nothing more. */
  readonly onLost: () => void;
  readonly decide: Mind;
};

/** Puts the parts together. A standby keeps its caches warm; only the leader reads nodes, decides and writes. */
export async function startOperator(surroundings: Surroundings): Promise<Operator> {
  const { options, connection, log, identity, onLost, decide } = surroundings;
  const metrics = createMetrics();
  const client = createClient(connection, metrics, "hmn-operator");
  const verbs = createVerbs(client, FIELD_MANAGER);
  let leading = false;

  const caches: Caches = watchAll({
    client,
    verbs,
    metrics,
    log,
    namespaces: options.namespaces,
    onChange: (kind, { type, item }, clusterKey) => {
      if (kind === "Pod" && type === "removed") crashLogs.forget(item);
      if (!leading || clusterKey === undefined) return;
      if (kind === "Pod" && type === "set") crashLogs.consider(item);
      queue.add(clusterKey);
    },
  });
  const crashLogs = createCrashLogs({
    verbs,
    log,
    onFetched: (pod) => {
      const clusterKey = clusterKeyOf("Pod", pod);
      if (clusterKey !== undefined) queue.add(clusterKey);
    },
  });
  const sources = createMetricSources({
    sources: parseMetricSources(options.metricSources),
    targets: () => readingTargets(caches),
    metrics,
    log,
  });
  const reader = createNodeReader({
    targets: () => readingTargets(caches),
    sourceMark: sources.mark,
    onChange: (clusterKey) => queue.add(clusterKey),
    metrics,
    log,
  });
  const findings = {
    readings: reader.readings,
    samples: reader.samples,
    epochs: reader.epochs,
    metricSource: sources.state,
    crashLogs: (clusterKey: string) =>
      crashLogs.of(caches.ofCluster("Pod", clusterKey).map(({ metadata }) => metadata.uid)),
  };
  const orders = createOrders();
  const claimFaults = createClaimFaults();
  const fleets = createFleets(caches, options);
  const ownWrites = createOwnWrites(caches, (cluster, kinds) => {
    log.warn({ cluster, kinds }, "the watch has not shown a write of ours; it is listed again");
  });
  const exporter =
    options.tracesEndpoint === undefined
      ? undefined
      : startExporter({
          endpoint: options.tracesEndpoint,
          // As OpenTelemetry's conventions name them.
          resource: { "service.name": "hmn-operator", "service.instance.id": identity },
          log,
        });
  const recorder = createRecorder({ verbs, log, metrics, controller: `hmn.dev/${FIELD_MANAGER}`, instance: identity });
  const reconcile = createReconciler({
    cluster: (clusterKey) => caches.get("HmnCluster", clusterKey),
    observe: (clusterKey) =>
      observe(
        caches,
        { ...findings, fleet: fleets.of, orderFault: orders.fault, claimFault: claimFaults.of },
        clusterKey,
        millis(Date.now()),
      ),
    decide,
    apply: createApplier({ verbs, caches, orders, claimFaults, recorder, ownWrites, metrics, log }),
    ownWrites,
    fleets,
    log,
    tracer: exporter === undefined ? () => noSpan : createTracer(exporter.take),
  });
  const queue = createQueue({ name: "hmncluster", workers: options.workers, work: reconcile, metrics, log });

  const server = await startProbeServer({
    host: options.host,
    port: options.port,
    registry: metrics.registry,
    measure: caches.measure,
    notReady: () => (caches.isSynced() ? undefined : "the caches are not filled yet"),
  });
  log.info({ server: connection.server.href, port: server.port, namespaces: options.namespaces }, "started");

  const lead = async () => {
    await caches.synced;
    if (!election.isLeader()) return;
    leading = true;
    sources.start();
    // Before the first answers every node would look unreachable, and each takeover would say so in status.
    await reader.start();
    if (!leading) return;
    for (const pod of caches.items("Pod")) crashLogs.consider(pod);
    for (const cluster of caches.items("HmnCluster")) queue.add(itemKey(cluster));
    queue.start();
  };
  const election = electLeader({
    verbs,
    metrics,
    log,
    name: options.leaseName,
    namespace: options.leaseNamespace ?? connection.namespace,
    identity,
    onAcquired: () => {
      lead().catch((error: unknown) => log.error({ error }, "leading could not begin"));
    },
    onLost,
  });
  return {
    port: server.port,
    stop: async () => {
      leading = false;
      reader.stop();
      sources.stop();
      await queue.stop();
      await election.stop();
      await caches.stop();
      await exporter?.stop();
      await server.close();
    },
  };
}
