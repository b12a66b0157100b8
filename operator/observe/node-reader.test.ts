import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { METRICS, type NodeStatus } from "../../node/api/contract.ts";
import { millis } from "../../node/base/units.ts";
import { memoryLog } from "../runtime/fake-api.ts";
import { createMetrics } from "../runtime/metrics.ts";
import { issueAuthority, issueLeaf, type KeyAndCertificate } from "../runtime/pki.ts";
import { createNodeReader, type NodeReader, type NodeTarget, type ReadingTarget } from "./node-reader.ts";
import type { Mark } from "./sample.ts";
import { parseScrape } from "./scrape.ts";
import { nodeMetrics } from "./test-node-metrics.ts";

const zeros = "00".repeat(32);
const goodStatus: NodeStatus = {
  version: "1.0.0",
  wireVersion: 1,
  network: "payments",
  chainId: null,
  validator: 0,
  publicKey: zeros,
  state: "WaitingForGenesis",
  reason: "",
  ready: true,
  role: "Voter",
  height: 0,
  certifiedHeight: 0,
  resultsHash: zeros,
  checkpoint: { height: 0, stateRoot: zeros },
  lastBlockAtMs: 0,
  view: 0,
  epoch: 0,
  validators: [],
  connectedPeers: [],
  finality: null,
  storage: { writable: true, reason: "", freeBytes: 1 },
  coherence: { measured: false, psiPpm: 1_000_000, lambdaPpm: 0 },
  caBundleHash: zeros,
  faults: [],
};

let authority: KeyAndCertificate;
let operator: KeyAndCertificate;
let leaf: KeyAndCertificate;
beforeAll(async () => {
  const now = Date.now();
  authority = await issueAuthority("CA", now);
  operator = await issueLeaf({ commonName: "operator", dnsNames: ["operator.payments"] }, authority, now);
  leaf = await issueLeaf({ commonName: "0.payments", dnsNames: ["0.payments"] }, authority, now);
});

/** A validator's control port: what it answers is set by the test. */
let node: { status: unknown; batches: number; uptime: number; clients: string[] };
let server: Server;
let reader: NodeReader;
let changes: string[];
let sourceMark: Mark | undefined;
let target: ReadingTarget;
const nodes = (more: Partial<NodeTarget> = {}): readonly NodeTarget[] => [
  {
    validator: 0,
    pod: "c-0-0-0",
    podUid: "pod-1",
    createdAt: millis(0),
    ip: "127.0.0.1",
    revision: "r1",
    limits: undefined,
    stopping: false,
    ...more,
  },
];
beforeEach(async () => {
  node = { status: goodStatus, batches: 0, uptime: 1, clients: [] };
  changes = [];
  sourceMark = undefined;
  server = createServer(
    { key: leaf.key, cert: leaf.certificate, ca: authority.certificate, requestCert: true, minVersion: "TLSv1.3" },
    (request, response) => {
      node.clients.push(String((request.socket as TLSSocket).getPeerCertificate().subjectaltname));
      node.uptime += 1;
      const metrics = `${METRICS.uptime} ${node.uptime}\n${METRICS.clientBatches}{result="accepted"} ${node.batches}\n`;
      response.end(request.url === "/status" ? JSON.stringify(node.status) : metrics);
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  target = {
    clusterKey: "a/c",
    network: "payments",
    metricSource: undefined,
    credentials: { ca: authority.certificate, certificate: operator.certificate, key: operator.key },
    isAtRest: false,
    nodes: nodes(),
  };
  reader = createNodeReader({
    targets: () => [target],
    sourceMark: () => sourceMark,
    onChange: (clusterKey) => changes.push(clusterKey),
    metrics: createMetrics(),
    log: memoryLog(),
    port: (server.address() as AddressInfo).port,
    intervalMs: 20,
  });
});
afterEach(async () => {
  reader.stop();
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
});
const samples = () => reader.samples("a/c");
const reading = () => reader.readings("a/c").get(0);
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 60_000, interval: 5 });

test("reads status and counters with the operator's certificate, and counts what happened in between", async () => {
  const started = reader.start();
  await started;
  expect(reading()).toMatchObject({ podUid: "pod-1" });
  await eventually(() => expect(reading()).toMatchObject({ podUid: "pod-1", status: { state: "WaitingForGenesis" } }));
  await eventually(() => expect(samples().length).toBeGreaterThan(0));
  const before = samples().length;
  node.batches = 7;
  await eventually(() => expect(samples().reduce((sum, { batches }) => sum + batches.accepted, 0)).toBe(7));
  expect(samples().length).toBeGreaterThan(before);
  expect(samples().every(({ available, revision }) => available && revision === "r1")).toBe(true);
  expect(new Set(node.clients)).toEqual(new Set(["DNS:operator.payments"]));
  for (const [index, { from }] of samples().entries()) if (index > 0) expect(from).toBe(samples()[index - 1]?.to);
});

test("a restart gives no sample across it", async () => {
  await reader.start();
  node.batches = 100;
  await eventually(() => expect(samples().length).toBeGreaterThan(1));
  const counted = samples().reduce((sum, { batches }) => sum + batches.accepted, 0);
  node.uptime = 0;
  node.batches = 40;
  const known = samples().length;
  await eventually(() => expect(samples().length).toBeGreaterThan(known + 2));
  expect(samples().reduce((sum, { batches }) => sum + batches.accepted, 0)).toBe(counted);
  expect(samples().every(({ available }) => available)).toBe(true);
});

test("where a metric source speaks for the clients, its counters are told, once, and the node's own are not", async () => {
  target = { ...target, metricSource: "prom" };
  const bySource = (at: number, batches: number): Mark => {
    const scrape = parseScrape(nodeMetrics({ batches, latencySeconds: 3, uptimeSeconds: at / 1000 }));
    if (!scrape.ok) throw new Error(scrape.detail);
    return { at: millis(at), podUid: "pod-1", scrape: scrape.value };
  };
  const accepted = () => samples().reduce((sum, { batches }) => sum + batches.accepted, 0);
  sourceMark = bySource(10_000, 5);
  await reader.start();
  node.batches = 1000;
  await eventually(() => expect(samples().length).toBeGreaterThan(2));
  expect(accepted()).toBe(0);
  sourceMark = bySource(25_000, 12);
  await eventually(() => expect(accepted()).toBe(7));
  const known = samples().length;
  await eventually(() => expect(samples().length).toBeGreaterThan(known + 2));
  expect(accepted()).toBe(7);
  expect(samples().every(({ available }) => available)).toBe(true);
});

test("a node that is not ready, or does not answer, is unavailable", async () => {
  node.status = { ...goodStatus, ready: false };
  await reader.start();
  await eventually(() => expect(samples().at(-1)).toMatchObject({ available: false }));
  node.status = goodStatus;
  await eventually(() => expect(samples().at(-1)).toMatchObject({ available: true }));
  server.close();
  server.closeAllConnections();
  await eventually(() => expect(reading()).toMatchObject({ unreachable: expect.stringContaining("ECONNREFUSED") }));
  await eventually(() => expect(samples().at(-1)).toMatchObject({ available: false, transfersApplied: 0 }));
});

test("the silence of a pod that is being deleted is no fault", async () => {
  target = { ...target, nodes: nodes({ stopping: true }) };
  server.close();
  server.closeAllConnections();
  await reader.start();
  await eventually(() => expect(reading()).toMatchObject({ unreachable: expect.any(String) }));
  expect(samples()).toEqual([]);
});

test.each([
  [
    "a status that the contract does not know",
    { ...goodStatus, state: "Dreaming" },
    "/status is not understood: state",
  ],
  ["another validator's status", { ...goodStatus, validator: 3 }, "/status speaks for 3.payments"],
])("refuses %s", async (_, status, why) => {
  node.status = status;
  await reader.start();
  await eventually(() => expect(reading()).toMatchObject({ unreachable: expect.stringContaining(why) }));
});

test("a certificate of the operator that is none is said to be the cause", async () => {
  target = { ...target, credentials: { ca: authority.certificate, certificate: "nonsense", key: operator.key } };
  await reader.start();
  await eventually(() => expect(reading()).toMatchObject({ unreachable: expect.stringMatching(/PEM/i) }));
});

test("of a cluster at rest what is counted wakes nobody, and what it says stands for longer", async () => {
  target = { ...target, isAtRest: true };
  await reader.start();
  await eventually(() => expect(reading()).toMatchObject({ podUid: "pod-1", standsFor: 20_000 }));
  expect(samples()).toEqual([]);
  target = { ...target, isAtRest: false };
  await eventually(() => expect(samples().length).toBeGreaterThan(1));
  expect(reading()).not.toHaveProperty("standsFor");
});

test("does not believe a pod whose certificate names another validator", async () => {
  target = { ...target, nodes: nodes({ validator: 1 }) };
  await reader.start();
  await eventually(() =>
    expect(reader.readings("a/c").get(1)).toMatchObject({ unreachable: expect.stringContaining("altnames") }),
  );
});

test("wakes the cluster at most once a second, and forgets a cluster that is gone", async () => {
  await reader.start();
  await eventually(() => expect(samples().length).toBeGreaterThan(5));
  expect(changes).toEqual(["a/c"]);
  target = { ...target, clusterKey: "a/other" };
  await eventually(() => expect(reader.readings("a/other").size).toBe(1));
  expect(reader.readings("a/c").size).toBe(0);
});
