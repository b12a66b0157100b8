import { LATENCY_BUCKETS, METRICS } from "../../node/api/contract.ts";
import { accept, type Result, refuse } from "../../node/base/result.ts";

/** The counters of one node at one moment, since its process started. */
export type Scrape = {
  /** Per bucket of `LATENCY_BUCKETS`, plus one for beyond; cumulative as in the text. */
  readonly latencyCumulative: readonly number[];
  readonly batches: { readonly accepted: number; readonly refused: number; readonly failed: number };
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
  let transfersApplied = 0;
  let safetyViolations = 0;
  let uptimeSeconds: number | undefined;
  for (const line of text.split("\n")) {
    if (!line.startsWith("hmn_")) continue;
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
  return accept({ latencyCumulative, batches, transfersApplied, safetyViolations, uptimeSeconds });
}

function labelOf(labels: string, wanted: string): string {
  for (const [, name, value] of labels.matchAll(LABEL)) if (name === wanted) return value ?? "";
  return "";
}
