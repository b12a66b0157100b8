import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { unreachable } from "../base/assert.ts";
import type { CoherenceView } from "../chain/coherence-view.ts";
import type { NodeEvent } from "../ports.ts";
import { coherenceMetrics } from "./coherence-metrics.ts";
import { LATENCY_BUCKETS, METRICS } from "./contract.ts";
import { type RefusalName, refusalName, refusalNames } from "./refusal.ts";

export type BatchResult = "accepted" | "refused" | "failed";
type RecordResult = (typeof RECORD_RESULTS)[number];
type SafetyKind = Extract<NodeEvent, { type: "safety" }>["kind"];

/** Which of the node's servers turned a connection away. */
export type ServerName = "peers" | "mesh" | "clients" | "api" | "control";

const BATCH_RESULTS: readonly BatchResult[] = ["accepted", "refused", "failed"];
const RECORD_RESULTS = ["taken", "committed", "refused"] as const;
const SAFETY_KINDS: readonly SafetyKind[] = ["fork", "results-mismatch", "equivocation"];

/** The series of one process. Every label value is there from the start, so that a scraper sees 0 and not a gap. */
export type Metrics = {
  readonly registry: Registry;
  batchAnswered(result: BatchResult): void;
  /** Records of a client's batch: taken in past every limit, then committed or refused, or lost. */
  records(result: RecordResult, count: number): void;
  /** A batch refused as a whole, by its reason. */
  batchRefused(reason: string): void;
  /** Something that came through the client port and is no request for a batch. */
  frameRefused(reason: Extract<RefusalName, "frame_malformed" | "frame_too_long">): void;
  /** A connection that was turned away, or cut off, by its reason. */
  connectionRefused(server: ServerName, reason: string): void;
  serviceInterval(service: string, seconds: number): void;
  serviceRestarted(service: string): void;
  waiting(counts: { readonly batches: number; readonly answers: number }): void;
  /** What is committed of how well the validators work together. */
  coherence(view: CoherenceView): void;
  mintProved(epoch: number): void;
  consensus(state: { readonly view: number; readonly epoch: number; readonly connectedPeers: number }): void;
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
  const records = new Counter({
    name: METRICS.clientRecords,
    help: "Records of client batches: taken in past every limit, and of these committed or refused.",
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
  const refusals = new Counter({
    name: "hmn_client_refusals_total",
    help: "What clients sent and was refused as a whole, by reason; a retryable refusal counts each time.",
    labelNames: ["reason"],
    registers,
  });
  const connections = new Counter({
    name: "hmn_connections_refused_total",
    help: "Connections turned away or cut off, by server and reason.",
    labelNames: ["server", "reason"],
    registers,
  });
  const intervals = new Gauge({
    name: "hmn_service_interval_seconds",
    help: "Seconds between two ticks of a background service.",
    labelNames: ["service"],
    registers,
  });
  const restarts = new Counter({
    name: "hmn_service_restarts_total",
    help: "Restarts of a background service that had failed.",
    labelNames: ["service"],
    registers,
  });
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
  const pendingBatches = gauge("hmn_pending_batches", "Batches that wait for a block.");
  const outstanding = gauge("hmn_client_outstanding", "Batches of this node's clients whose answer has not left.");
  const view = gauge("hmn_consensus_view", "View that consensus is in.");
  const epoch = gauge("hmn_consensus_epoch", "Epoch that consensus is in.");
  const peers = gauge("hmn_connected_peers", "Peers with a live connection.");
  const coherence = coherenceMetrics(registry);
  const minted = gauge("hmn_mint_proved_epoch", "Epoch of the newest mint that this process has computed again.");
  for (const reason of refusalNames) refusals.inc({ reason }, 0);
  for (const result of BATCH_RESULTS) batches.inc({ result }, 0);
  for (const result of RECORD_RESULTS) records.inc({ result }, 0);
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
    records: (result, count) => records.inc({ result }, count),
    batchRefused: (reason) => refusals.inc({ reason: refusalName(reason) }),
    frameRefused: (reason) => refusals.inc({ reason }),
    connectionRefused: (server, reason) => connections.inc({ server, reason }),
    serviceInterval: (service, seconds) => {
      intervals.set({ service }, seconds);
      // The series is there before the first restart.
      restarts.inc({ service }, 0);
    },
    serviceRestarted: (service) => restarts.inc({ service }),
    waiting: (counts) => {
      pendingBatches.set(counts.batches);
      outstanding.set(counts.answers);
    },
    coherence,
    mintProved: (of) => minted.set(of),
    consensus: (state) => {
      view.set(state.view);
      epoch.set(state.epoch);
      peers.set(state.connectedPeers);
    },
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
        case "anchored":
          return;
        default:
          unreachable(event);
      }
    },
  };
}
