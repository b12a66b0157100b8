import { Counter, Gauge, type Registry } from "prom-client";

/** What the mesh of one node is doing. */
export type MeshMetrics = {
  state(now: {
    readonly entries: number;
    readonly bytes: number;
    readonly waiting: number;
    readonly queued: number;
    readonly connectedPeers: number;
    readonly gossipSeconds: number;
  }): void;
  /** An entry, or a message, without effect. */
  refused(reason: string): void;
  exchanged(equal: boolean): void;
  sent(bytes: number): void;
  received(bytes: number): void;
  evicted(entries: number): void;
  /** This node attested an entry, or told so again; a block anchored one. */
  attested(): void;
  anchored(): void;
};

/** The series of the mesh; those with a label are there from the start. */
export function createMeshMetrics(registry: Registry, reasons: readonly string[]): MeshMetrics {
  const registers = [registry];
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
  const counter = (name: string, help: string, label?: string): Counter =>
    new Counter({ name, help, registers, labelNames: label === undefined ? [] : [label] });
  const entries = gauge("hmn_mesh_entries", "Memory entries that this node holds, tombstones included.");
  const bytes = gauge("hmn_mesh_bytes", "Bytes of the memory entries that this node holds.");
  const waiting = gauge("hmn_mesh_waiting", "Entries whose clocks are ahead, waiting for their time.");
  const queued = gauge("hmn_mesh_queued", "Entries that wait to be sent to peers.");
  const peers = gauge("hmn_mesh_connected_peers", "Peers of the mesh with a live connection.");
  const interval = gauge("hmn_mesh_gossip_interval_seconds", "Seconds between two rounds of gossip.");
  const refused = counter("hmn_mesh_refused_total", "Entries and messages of the mesh refused, by reason.", "reason");
  const exchanges = counter(
    "hmn_mesh_exchanges_total",
    "Anti-entropy exchanges that this node began, by whether their common range ended equal.",
    "result",
  );
  const traffic = counter("hmn_mesh_traffic_bytes_total", "Bytes of messages of the mesh.", "direction");
  const evicted = counter("hmn_mesh_evicted_total", "Entries dropped over the capacity or an author's quota.");
  const attested = counter("hmn_mesh_attestations_total", "Attestations of entries that this node sent to replicas.");
  const anchored = counter("hmn_mesh_anchored_total", "Versions of entries that blocks have anchored.");
  for (const reason of reasons) refused.inc({ reason }, 0);
  for (const result of ["equal", "different"]) exchanges.inc({ result }, 0);
  for (const direction of ["sent", "received"]) traffic.inc({ direction }, 0);
  return {
    state: (now) => {
      entries.set(now.entries);
      bytes.set(now.bytes);
      waiting.set(now.waiting);
      queued.set(now.queued);
      peers.set(now.connectedPeers);
      interval.set(now.gossipSeconds);
    },
    refused: (reason) => refused.inc({ reason }),
    exchanged: (equal) => exchanges.inc({ result: equal ? "equal" : "different" }),
    sent: (count) => traffic.inc({ direction: "sent" }, count),
    received: (count) => traffic.inc({ direction: "received" }, count),
    evicted: (count) => evicted.inc(count),
    attested: () => attested.inc(),
    anchored: () => anchored.inc(),
  };
}
