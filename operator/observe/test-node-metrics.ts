import { LATENCY_BUCKETS, METRICS } from "../../node/api/contract.ts";

/** What a node's `/metrics` answers: so many batches, all of them this slow. */
export function nodeMetrics(traits: {
  batches: number;
  latencySeconds: number;
  uptimeSeconds: number;
  failed?: number;
}): string {
  const { batches, latencySeconds, uptimeSeconds, failed = 0 } = traits;
  const buckets = [
    ...LATENCY_BUCKETS.map((bound) => [String(bound), latencySeconds <= bound] as const),
    ["+Inf", true] as const,
  ];
  return [
    ...buckets.map(([le, within]) => `${METRICS.clientLatency}_bucket{le="${le}"} ${within ? batches : 0}`),
    `${METRICS.clientBatches}{result="accepted"} ${batches - failed}`,
    `${METRICS.clientBatches}{result="failed"} ${failed}`,
    `${METRICS.transfersApplied} ${batches}`,
    `${METRICS.uptime} ${uptimeSeconds}`,
    "",
  ].join("\n");
}
