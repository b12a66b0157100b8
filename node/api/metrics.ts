import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { unreachable } from "../base/assert.ts";
import type { NodeEvent } from "../ports.ts";
import { LATENCY_BUCKETS, METRICS } from "./contract.ts";

export type BatchResult = "accepted" | "refused" | "failed";
type SafetyKind = Extract<NodeEvent, { type: "safety" }>["kind"];

const BATCH_RESULTS: readonly BatchResult[] = ["accepted", "refused", "failed"];
const SAFETY_KINDS: readonly SafetyKind[] = ["fork", "results-mismatch", "equivocation"];

/** The series of one process. Every label value is there from the start, so that a scraper sees 0 and not a gap. */
export type Metrics = {
  readonly registry: Registry;
  batchAnswered(result: BatchResult): void;
  /** From the frame taken in to the answer written. */
  latency(seconds: number): void;
  observe(event: NodeEvent): void;
};

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const latency = new Histogram({
    name: METRICS.clientLatency,
    help: "Seconds from a client's batch taken in to its answer sent, for the clients of this node.",
    buckets: [...LATENCY_BUCKETS],
    registers,
  });
  const batches = new Counter({
    name: METRICS.clientBatches,
    help: "Client batches answered: accepted, refused by limit or for their content, or failed.",
    labelNames: ["result"],
    registers,
  });
  const applied = new Counter({
    name: METRICS.transfersApplied,
    help: "Transfers that this process executed and applied.",
    registers,
  });
  const height = new Gauge({ name: METRICS.height, help: "Height of the newest executed block.", registers });
  const safety = new Counter({
    name: METRICS.safety,
    help: "Breaches of safety that this process has seen.",
    labelNames: ["kind"],
    registers,
  });
  for (const result of BATCH_RESULTS) batches.inc({ result }, 0);
  for (const kind of SAFETY_KINDS) safety.inc({ kind }, 0);
  new Gauge({
    name: METRICS.uptime,
    help: "Seconds since the process started.",
    registers,
    collect() {
      this.set(process.uptime());
    },
  });
  return {
    registry,
    batchAnswered: (result) => batches.inc({ result }),
    latency: (seconds) => latency.observe(seconds),
    observe: (event) => {
      switch (event.type) {
        case "block-executed":
          applied.inc(event.applied);
          height.set(event.height);
          return;
        case "safety":
          safety.inc({ kind: event.kind });
          return;
        case "epoch-began":
        case "view-entered":
        case "frame-dropped":
          return;
        default:
          unreachable(event);
      }
    },
  };
}
