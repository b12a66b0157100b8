import { Counter, Gauge, Histogram, Registry } from "prom-client";

const seconds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** The operator's series, with controller-runtime's names where it has one, so that its dashboards and alerts work. */
export function createMetrics(registry = new Registry()) {
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Counter({ name, help, labelNames: [...labelNames], registers });
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Gauge({ name, help, labelNames: [...labelNames], registers });
  const histogram = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Histogram({ name, help, labelNames: [...labelNames], buckets: seconds, registers });
  return {
    registry,
    reconcileTotal: counter("controller_runtime_reconcile_total", "Reconciles by result.", ["controller", "result"]),
    reconcileErrors: counter("controller_runtime_reconcile_errors_total", "Reconciles that failed.", ["controller"]),
    reconcileTime: histogram("controller_runtime_reconcile_time_seconds", "Length of a reconcile.", ["controller"]),
    activeWorkers: gauge("controller_runtime_active_workers", "Reconciles under way.", ["controller"]),
    maxWorkers: gauge("controller_runtime_max_concurrent_reconciles", "Limit of reconciles under way.", ["controller"]),
    queueDepth: gauge("workqueue_depth", "Keys that wait.", ["name"]),
    queueAdds: counter("workqueue_adds_total", "Keys added.", ["name"]),
    queueRetries: counter("workqueue_retries_total", "Keys added again after an error.", ["name"]),
    queueDuration: histogram("workqueue_queue_duration_seconds", "How long a key waited.", ["name"]),
    workDuration: histogram("workqueue_work_duration_seconds", "How long a key was worked on.", ["name"]),
    requests: counter("rest_client_requests_total", "Requests to the API server.", ["code", "method", "host"]),
    requestTime: histogram("rest_client_request_duration_seconds", "Time to the head of an answer.", ["verb", "host"]),
    leader: gauge("leader_election_master_status", "1 on the replica that holds the Lease.", ["name"]),
    watchHeard: gauge("hmn_operator_watch_silence_seconds", "Time since a watch was last heard.", ["kind"]),
    watchRestarts: counter("hmn_operator_watch_restarts_total", "Watches begun again, by cause.", ["kind", "cause"]),
    faults: counter("hmn_operator_faults_total", "Exceptions that no caller could take.", ["where"]),
    cached: gauge("hmn_operator_cached_objects", "Objects in the caches.", ["kind"]),
    nodeReadings: counter("hmn_operator_node_readings_total", "Readings of nodes by result.", ["result"]),
    sourceQueries: counter("hmn_operator_metric_source_queries_total", "Queries to metric sources by result.", [
      "source",
      "result",
    ]),
    events: counter("hmn_operator_events_total", "Events told of clusters, by reason.", ["severity", "reason"]),
    actions: counter("hmn_operator_actions_total", "Actions carried out, by type and result.", ["type", "result"]),
  };
}
export type Metrics = ReturnType<typeof createMetrics>;
