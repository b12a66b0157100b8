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

/** Clients' batches are counted in pieces of so long. */
const PIECE_MS = 100;

/** Goes on until now as the node did in its last sample. */
export function counted(before: Counters, sample: Sample, now: number): Counters {
  const { latencyCounts, batches, transfersApplied, from, to } = sample;
  const pieces = Math.floor((now - before.now) / PIECE_MS);
  const more = (count: number): number => Math.round((count * PIECE_MS) / (to - from)) * pieces;
  return {
    startedAt: before.startedAt,
    now: before.now + pieces * PIECE_MS,
    latency: before.latency.map((count, index) => count + more(latencyCounts[index] ?? 0)),
    accepted: before.accepted + more(batches.accepted),
    failed: before.failed + more(batches.failed),
    applied: before.applied + more(transfersApplied),
  };
}

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
