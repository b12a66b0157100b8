import { METRICS, nodeStatusSchema, PORTS } from "../api/contract.ts";
import { command } from "./command.ts";
import { parseMetrics, quantileOf, type Sample } from "./metrics-text.ts";
import { get, REACH_FLAGS, type Reach, reachOf } from "./reach.ts";
import { table } from "./table.ts";

/** `hmn-node stats`: what a node has done and what it takes. */
export const stats = command(
  {
    command: "stats",
    summary: "what a node has done and what it takes, since it started; it asks for a certificate",
    flags: { ...REACH_FLAGS, json: { help: "as JSON" } },
  },
  async (flags, world) => {
    const reach = reachOf(flags, world, PORTS.control);
    if (!reach.ok) return reach;
    const read = await statsOf(reach.value);
    world.out(flags.on("json") ? `${JSON.stringify(read, null, 2)}\n` : table(rowsOf(read)));
    return 0;
  },
);

type Stats = Awaited<ReturnType<typeof statsOf>>;

async function statsOf(reach: Reach) {
  const [status, metrics] = [await get(reach, "/status"), await get(reach, "/metrics")];
  for (const { code, body } of [status, metrics])
    if (code !== 200) throw new Error(`the node answers ${code}: ${body}`);
  const { validator, network, state, height, epoch, view } = nodeStatusSchema.parse(JSON.parse(status.body));
  const samples = parseMetrics(metrics.body);
  const value = (name: string, labels: Readonly<Record<string, string>> = {}): number =>
    samples.find(
      (sample) => sample.name === name && Object.entries(labels).every(([key, text]) => sample.labels[key] === text),
    )?.value ?? 0;
  const uptimeSeconds = value(METRICS.uptime);
  const latencyMs = (quantile: number): number | null => {
    const seconds = quantileOf(samples, METRICS.clientLatency, quantile);
    return seconds === undefined ? null : seconds * 1_000;
  };
  return {
    ...{ validator, network, state, height, epoch, view, uptimeSeconds },
    transfersApplied: value(METRICS.transfersApplied),
    batches: {
      accepted: value(METRICS.clientBatches, { result: "accepted" }),
      refused: value(METRICS.clientBatches, { result: "refused" }),
      failed: value(METRICS.clientBatches, { result: "failed" }),
    },
    /** From a batch taken in to its answer sent, between the bounds of a histogram. */
    latencyMs: { p50: latencyMs(0.5), p95: latencyMs(0.95), p99: latencyMs(0.99) },
    refusals: byLabels(samples, "hmn_client_refusals_total"),
    connectionsRefused: byLabels(samples, "hmn_connections_refused_total"),
    safetyViolations: byLabels(samples, METRICS.safety),
    serviceRestarts: byLabels(samples, "hmn_service_restarts_total"),
    residentBytes: value("process_resident_memory_bytes"),
    cpuSeconds: value("process_cpu_seconds_total"),
  };
}

/** Series that have counted anything, by their labels. */
const byLabels = (samples: readonly Sample[], name: string): Record<string, number> =>
  Object.fromEntries(
    samples
      .filter((sample) => sample.name === name && sample.value > 0)
      .map(({ labels, value }) => [Object.values(labels).join(" "), value]),
  );

function rowsOf(read: Stats): string[][] {
  const { batches, latencyMs, uptimeSeconds } = read;
  const ms = (value: number | null): string => (value === null ? "-" : value.toFixed(1));
  const counts = (what: Readonly<Record<string, number>>): string =>
    Object.entries(what)
      .map(([name, count]) => `${name} ${count}`)
      .join(", ") || "none";
  return [
    ["validator", `${read.validator}.${read.network}`],
    ["state", `${read.state}, height ${read.height}, epoch ${read.epoch}, view ${read.view}`],
    ["up", `${Math.round(uptimeSeconds)} s`],
    [
      "transfers",
      `${read.transfersApplied} applied, ${(read.transfersApplied / Math.max(1, uptimeSeconds)).toFixed(1)}/s`,
    ],
    ["batches", `${batches.accepted} accepted, ${batches.refused} refused, ${batches.failed} failed`],
    ["latency", `p50 ${ms(latencyMs.p50)}, p95 ${ms(latencyMs.p95)}, p99 ${ms(latencyMs.p99)} ms`],
    ["refusals", counts(read.refusals)],
    ["connections", `refused: ${counts(read.connectionsRefused)}`],
    ["safety", counts(read.safetyViolations)],
    ["restarts", counts(read.serviceRestarts)],
    ["memory", `${(read.residentBytes / 1e6).toFixed(1)} MB`],
    ["CPU", `${read.cpuSeconds.toFixed(1)} s`],
  ];
}
