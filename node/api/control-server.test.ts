import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { accept, refuse } from "../base/result.ts";
import { type Facts, healthOf, readinessOf, statusOf } from "../shell-status.ts";
import { type Credentials, type Material, watchCredentials } from "../transport/credentials.ts";
import { type TestAuthority, testAuthority, writeMaterial } from "../transport/test-authority.ts";
import { nodeStatusSchema } from "./contract.ts";
import { type ControlServer, startControlServer } from "./control-server.ts";
import { createMetrics } from "./metrics.ts";

const SERVERNAME = "0.payments";
let folder = "";
let authority: TestAuthority;
let credentials: Credentials;
let server: ControlServer;
let facts: Facts;

const view: NonNullable<Facts["chain"]>["view"] = {
  state: "Voting",
  reason: "",
  role: "Voter",
  height: 40,
  certifiedHeight: 40,
  resultsHash: "12".repeat(32),
  checkpoint: { height: 32, stateRoot: "34".repeat(32) },
  view: 44,
  epoch: 1,
  validators: [{ id: 0, weight: 10, publicKey: "56".repeat(32) }],
  finality: { epoch: 1, view: 43, block: "78".repeat(32), height: 40, certificate: "9a" },
  lastBlockAtMs: 1_700_000_000_000,
  coherence: { measured: false, psiPpm: 1_000_000, lambdaPpm: 700_000 },
  pendingBatches: 0,
  resultsDiffer: false,
  safety: { fork: 0, resultsMismatch: 0, equivocation: 0 },
};
const running: Facts = {
  version: "1.0.0",
  network: "payments",
  validator: 0,
  publicKey: "bc".repeat(32),
  chainId: "de".repeat(32),
  waitingFor: "waiting for genesis",
  restored: undefined,
  stopping: false,
  chain: { view, lagMs: 0 },
  readOnly: undefined,
  damage: undefined,
  freeBytes: 123_456,
  connectedPeers: [1, 2],
  connectedObservers: [],
  refusedPeers: [{ peer: 3, reason: "the peer speaks wire version 9, this node 1" }],
  services: {
    ledger: { state: "running", reason: "" },
    cal_engine: { state: "idle", reason: "not yet" },
    mining_agent: { state: "idle", reason: "not yet" },
    memory_mesh: { state: "idle", reason: "not yet" },
    consensus: { state: "running", reason: "" },
  },
  caBundleHash: "f0".repeat(32),
  certificateHash: "0f".repeat(32),
  governance: {
    serial: "7",
    validators: [{ id: 0, publicKey: "ab".repeat(32), bond: "1000000000", wants: null, jailed: false }],
  },
  faults: [],
  silent: false,
};
const beforeGenesis: Facts = { ...running, chainId: null, chain: undefined };
const withView = (changes: Partial<typeof view>, lagMs = 0): Facts => ({
  ...running,
  chain: { view: { ...view, ...changes }, lagMs },
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "hmn-control-"));
  authority = await testAuthority();
  writeMaterial(folder, await authority.issue(SERVERNAME));
  credentials = watchCredentials(folder, () => {}, { pollMs: 20 });
  facts = running;
  server = await startControlServer({
    listen: { host: "127.0.0.1", port: 0 },
    credentials,
    registry: createMetrics().registry,
    onRefused: () => {},
    status: () => statusOf(facts),
    readiness: () => readinessOf(facts),
    health: () => healthOf(facts),
    operator: "operator.payments",
    countersign: (body) => (body[0] === 1 ? accept("cd".repeat(64)) : refuse("order_malformed")),
  });
});
afterEach(async () => {
  await server.close();
  credentials.close();
  rmSync(folder, { recursive: true });
});

function get(
  path: string,
  { ca = authority.ca, client, post }: { ca?: string; client?: Material; post?: unknown } = {},
): Promise<{ code: number; body: string }> {
  const identity = client === undefined ? {} : { cert: client.cert, key: client.key };
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: server.port, servername: SERVERNAME, path, ca, ...identity };
    const sent = post === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" } };
    const call = request({ ...options, ...sent, agent: false }, (response) => {
      let body = "";
      response.on("data", (chunk) => {
        body += chunk;
      });
      response.on("end", () => resolve({ code: response.statusCode ?? 0, body }));
    });
    call.on("error", reject);
    call.end(post === undefined ? undefined : JSON.stringify(post));
  });
}

test("probes are open, status and metrics are for holders of a certificate of the CA", async () => {
  const operator = await authority.issue("operator.payments");
  const stranger = await (await testAuthority()).issue("operator.payments");
  for (const path of ["/livez", "/readyz", "/healthz"]) expect((await get(path)).code, path).toBe(200);
  for (const path of ["/status", "/metrics"]) {
    expect((await get(path)).code, path).toBe(401);
    expect((await get(path, { client: stranger })).code, path).toBe(401);
    expect((await get(path, { client: operator })).code, path).toBe(200);
  }
  expect((await get("/metrics", { client: operator })).body).toContain("process_cpu_seconds_total");
  expect((await get("/nothing", { client: operator })).code).toBe(404);
});

test("orders are countersigned for the operator, and for no other holder of a certificate", async () => {
  const operator = await authority.issue("operator.payments");
  const peer = await authority.issue("1.payments");
  const ask = (client: Material | undefined, body: unknown) =>
    get("/countersign", { post: { body }, ...(client === undefined ? {} : { client }) });
  const order = `01${"00".repeat(127)}`;
  expect(await ask(operator, order)).toEqual({ code: 200, body: JSON.stringify({ signature: "cd".repeat(64) }) });
  expect((await ask(peer, order)).code).toBe(403);
  expect((await ask(undefined, order)).code).toBe(401);
  expect((await ask(operator, `09${"00".repeat(127)}`)).code).toBe(409);
  for (const bad of [undefined, "", order.slice(2), `${order}00`, 7]) expect((await ask(operator, bad)).code).toBe(400);
});

test("the status is what the contract says, before genesis and after", async () => {
  const client = await authority.issue("operator.payments");
  for (const now of [running, beforeGenesis, { ...running, readOnly: "x".repeat(5_000) }]) {
    facts = now;
    const { body } = await get("/status", { client });
    expect(nodeStatusSchema.strict().parse(JSON.parse(body))).toEqual(statusOf(now));
  }
});

test.each<[string, Facts, { state: string; ready: boolean; reason: string }]>([
  ["a voter", running, { state: "Voting", ready: true, reason: "" }],
  ["before genesis", beforeGenesis, { state: "WaitingForGenesis", ready: false, reason: "waiting for genesis" }],
  ["no peers", { ...running, connectedPeers: [] }, { state: "Voting", ready: true, reason: "" }],
  ["full disk", { ...running, readOnly: "full" }, { state: "ReadOnly", ready: false, reason: "full" }],
  [
    "damaged log",
    { ...beforeGenesis, readOnly: "damaged at 7" },
    { state: "ReadOnly", ready: false, reason: "damaged at 7" },
  ],
  ["SIGTERM", { ...running, stopping: true }, { state: "Stopping", ready: false, reason: "SIGTERM" }],
  [
    "an observer",
    withView({ state: "Following", role: "Observer", reason: "no vote" }),
    { state: "Following", ready: true, reason: "no vote" },
  ],
  [
    "a voter without journal",
    withView({ state: "Following", reason: "journal" }),
    { state: "Following", ready: false, reason: "journal" },
  ],
  [
    "a little behind",
    withView({ state: "CatchingUp", certifiedHeight: 50 }, 9_999),
    { state: "CatchingUp", ready: true, reason: "" },
  ],
  [
    "far behind",
    withView({ state: "CatchingUp", certifiedHeight: 150 }, 10_000),
    { state: "CatchingUp", ready: false, reason: "executed up to 40, certified up to 150: 10 s behind" },
  ],
  ["silent for a test", { ...running, silent: true }, { state: "Voting", ready: false, reason: "silent" }],
])("readiness: %s", async (_what, now, { state, ready, reason }) => {
  facts = now;
  const status = statusOf(now);
  expect(status).toMatchObject({ state, ready });
  expect(status.reason).toContain(reason);
  expect((await get("/readyz")).code).toBe(ready ? 200 : 503);
});

test("health names each service that exists, and fails only for one that failed", async () => {
  facts = beforeGenesis;
  expect(await get("/healthz")).toMatchObject({
    code: 200,
    body: expect.stringContaining('"ledger":{"state":"waiting"'),
  });
  facts = withView({ state: "Following", reason: "journal" });
  const { code, body } = await get("/healthz");
  expect(code).toBe(503);
  expect(JSON.parse(body)).toEqual({
    services: { ...running.services, consensus: { state: "failed", reason: "journal" } },
  });
  const { services } = running;
  if (services === undefined) throw new Error("services run");
  facts = { ...running, services: { ...services, memory_mesh: { state: "failed", reason: "threw" } } };
  expect((await get("/healthz")).code).toBe(503);
  facts = running;
  expect((await get("/healthz")).code).toBe(200);
});

test("new certificates serve without a restart, and the bundle's hash follows", async () => {
  const before = credentials.caBundleHash();
  const next = await testAuthority();
  writeMaterial(folder, await next.issue(SERVERNAME));
  await vi.waitFor(async () => expect((await get("/livez", { ca: next.ca })).code).toBe(200), 60_000);
  expect(credentials.caBundleHash()).not.toBe(before);
  const client = await next.issue("operator.payments");
  expect((await get("/status", { ca: next.ca, client })).code).toBe(200);
});
