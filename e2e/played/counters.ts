import { LATENCY_BUCKETS, METRICS } from "../../node/api/contract.ts";
import type { Sample } from "../../operator/observe/snapshot.ts";

/** What a process has counted since it started. */
export type Counters = {
  readonly startedAt: number;
  readonly now: number;
  /** Per bucket of `LATENCY_BUCKETS` and one for beyond; not cumulative. */
  readonly latency: readonly number[];
  readonly accepted: number;
  readonly failed: number;
  readonly applied: number;
};

export const noCounters = (now: number): Counters => ({
  ...{ startedAt: now, now, accepted: 0, failed: 0, applied: 0 },
  latency: Array.from({ length: LATENCY_BUCKETS.length + 1 }, () => 0),
});

export const counted = (before: Counters, { latencyCounts, batches, transfersApplied, to }: Sample): Counters => ({
  startedAt: before.startedAt,
  now: to,
  latency: before.latency.map((count, index) => count + (latencyCounts[index] ?? 0)),
  accepted: before.accepted + batches.accepted,
  failed: before.failed + batches.failed,
  applied: before.applied + transfersApplied,
});

/** The Prometheus text format (0.0.4). */
export function metricsText({ startedAt, now, latency, accepted, failed, applied }: Counters): string {
  let sum = 0;
  const buckets = [...LATENCY_BUCKETS.map(String), "+Inf"].map((le, index) => {
    sum += latency[index] ?? 0;
    return `${METRICS.clientLatency}_bucket{le="${le}"} ${sum}`;
  });
  return [
    ...buckets,
    `${METRICS.clientBatches}{result="accepted"} ${accepted}`,
    `${METRICS.clientBatches}{result="failed"} ${failed}`,
    `${METRICS.transfersApplied} ${applied}`,
    `${METRICS.uptime} ${(now - startedAt) / 1000}`,
    "",
  ].join("\n");
}
