import { LATENCY_BUCKETS, METRICS } from "../../node/api/contract.ts";
import { accept, type Result, refuse } from "../../node/base/result.ts";

const RECORD_RESULTS = ["taken", "committed", "refused"] as const;
type RecordResult = (typeof RECORD_RESULTS)[number];
/** Whose series are read. */
const NAMES = /^(?:hmn_|process_cpu_seconds_total\b|process_resident_memory_bytes\b)/;

/** The counters of one node at one moment, since its process started. */
export type Scrape = {
  /** Per bucket of `LATENCY_BUCKETS`, plus one for beyond; cumulative as in the text. */
  readonly latencyCumulative: readonly number[];
  readonly batches: { readonly accepted: number; readonly refused: number; readonly failed: number };
  /** Undefined in releases that do not count them. */
  readonly records: Readonly<Record<RecordResult, number>> | undefined;
  readonly cpuSeconds: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly transfersApplied: number;
  readonly safetyViolations: number;
  readonly uptimeSeconds: number;
};

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+([^\s]+)(?:\s+-?\d+)?$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;
const bounds = [...LATENCY_BUCKETS.map(Number), Number.POSITIVE_INFINITY];

/** Reads the series of `METRICS` from the Prometheus text format (0.0.4) and passes over all others. */
export function parseScrape(text: string): Result<Scrape, "malformed"> {
  const latencyCumulative = bounds.map(() => 0);
  const batches = { accepted: 0, refused: 0, failed: 0 };
  const records: Partial<Record<RecordResult, number>> = {};
  let cpuSeconds: number | undefined;
  let memoryBytes: number | undefined;
  let transfersApplied = 0;
  let safetyViolations = 0;
  let uptimeSeconds: number | undefined;
  for (const line of text.split("\n")) {
    if (!NAMES.test(line)) continue;
    const [, name = "", labels = "", number = ""] = LINE.exec(line.trim()) ?? [];
    const value = number === "+Inf" ? Number.POSITIVE_INFINITY : Number(number);
    switch (name) {
      case `${METRICS.clientLatency}_bucket`: {
        const le = labelOf(labels, "le");
        const at = bounds.indexOf(le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le));
        // Other bounds would silently shift the percentiles.
        if (at === -1) return refuse("malformed", `${name} has a bucket le="${le}" that the contract does not have`);
        latencyCumulative[at] = (latencyCumulative[at] ?? 0) + value;
        break;
      }
      case METRICS.clientBatches: {
        const result = labelOf(labels, "result");
        if (result === "accepted" || result === "refused" || result === "failed") batches[result] += value;
        break;
      }
      case METRICS.clientRecords: {
        const result = RECORD_RESULTS.find((one) => one === labelOf(labels, "result"));
        if (result !== undefined) records[result] = (records[result] ?? 0) + value;
        break;
      }
      case METRICS.cpu:
        cpuSeconds = value;
        break;
      case METRICS.memory:
        memoryBytes = value;
        break;
      case METRICS.transfersApplied:
        transfersApplied += value;
        break;
      case METRICS.safety:
        safetyViolations += value;
        break;
      case METRICS.uptime:
        uptimeSeconds = value;
        break;
      default:
        continue;
    }
    if (!Number.isFinite(value) || value < 0) return refuse("malformed", `${name} has the value ${number}`);
  }
  if (uptimeSeconds === undefined) return refuse("malformed", `${METRICS.uptime} is missing`);
  if (latencyCumulative.some((count, index) => count < (latencyCumulative[index - 1] ?? 0))) {
    return refuse("malformed", `${METRICS.clientLatency} has buckets that shrink`);
  }
  const { taken, committed, refused } = records;
  return accept({
    ...{ latencyCumulative, batches, transfersApplied, safetyViolations, uptimeSeconds, cpuSeconds, memoryBytes },
    records: taken === undefined ? undefined : { taken, committed: committed ?? 0, refused: refused ?? 0 },
  });
}

function labelOf(labels: string, wanted: string): string {
  for (const [, name, value] of labels.matchAll(LABEL)) if (name === wanted) return value ?? "";
  return "";
}
