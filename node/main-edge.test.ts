import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LEDGERS, networkFileSchema, nodeIdentity } from "./api/contract.ts";
import { checkAnswer, parseOpenApi } from "./api/test-openapi.ts";
import { toHex } from "./base/bytes.ts";
import { type Connection, openConnection } from "./client/connection.ts";
import { encodeBatch } from "./codec/batch.ts";
import { keyPairFromSeed } from "./codec/signature.ts";
import { encodeTransfers, newTransfer } from "./codec/transfer.ts";
import { MAIN, type TestCluster, type TestNode, testCluster } from "./test-cluster.ts";

/** Of real nodes, what clients, curl and the command line see. */
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SEED = new Uint8Array(32).fill(7);
const owner = keyPairFromSeed(SEED);
/** As the README has them. */
const [PAYER, PAYEE] = [(1n << 64n) + 1n, (1n << 64n) + 2n];

let folder = "";
let cluster: TestCluster;
const cleanups: (() => unknown)[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "hmn-edge-"));
  cluster = await testCluster(folder, 4);
});
afterEach(async ({ task }) => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  if (task.result?.state === "fail") for (const node of cluster.nodes) console.error(node.log().slice(-3_000));
  await cluster.close();
  rmSync(folder, { recursive: true });
});

const until = <T>(condition: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(condition, { timeout: 60_000, interval: 50 });
async function running(environment: Readonly<Record<string, string>> = {}): Promise<TestNode> {
  for (const node of cluster.nodes) node.start(environment);
  await until(() => Promise.all(cluster.nodes.map((node) => node.status())));
  await cluster.writeGenesis(
    [PAYER, PAYEE].map((id) => ({
      ...{ id: `${id}`, ownerKey: toHex(owner.publicKey), ledger: LEDGERS.FLX, balance: "1000000" },
    })),
  );
  await until(async () => {
    for (const node of cluster.nodes) expect(await node.status()).toMatchObject({ state: "Voting", ready: true });
  });
  const [zero] = cluster.nodes;
  if (zero === undefined) throw new Error("four nodes");
  return zero;
}

type Ended = { readonly code: number; readonly out: string };
async function run(args: readonly string[], cwd = ROOT): Promise<Ended> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...args], {
    ...{ cwd, stdio: ["ignore", "pipe", "pipe"], env: { PATH: process.env.PATH } },
  });
  cleanups.push(() => child.kill("SIGKILL"));
  let out = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      out += chunk;
    });
  }
  const [code] = await once(child, "close");
  return { code, out };
}

test("the README's example runs as it stands; the JSON API answers as its description says; commands read the node", async () => {
  const zero = await running();
  // The example names its files and nothing else, so they lie where it runs.
  const [, example] =
    /```ts\n(import [^`]*hmn\/client[^`]*)```/.exec(readFileSync(join(ROOT, "README.md"), "utf8")) ?? [];
  if (example === undefined) throw new Error("the README has no example of the client");
  expect(example.trim().split("\n").length).toBeLessThanOrEqual(14);
  // Inside the repository, where its package is found by its name.
  const place = join(ROOT, "build", `readme-example-${process.pid}`);
  mkdirSync(place, { recursive: true });
  cleanups.push(() => rmSync(place, { recursive: true }));
  writeFileSync(join(place, "example.ts"), example);
  writeFileSync(join(folder, "ca.crt"), cluster.ca);
  writeFileSync(join(folder, "owner.key"), SEED);
  const nodes = cluster.nodes.map(({ id, ports }) => ({
    validator: id,
    host: "127.0.0.1",
    port: ports.client,
    apiPort: ports.api,
  }));
  writeFileSync(join(folder, "nodes.json"), JSON.stringify(nodes));
  const ended = await run([join(place, "example.ts")], folder);
  expect(ended, ended.out).toMatchObject({ code: 0, out: expect.stringContaining("committed") });

  const described = parseOpenApi((await zero.get("api", "/v1/openapi.json", "nobody")).body);
  for (const path of Object.keys(described.paths)) {
    // A proof is of a batch that this client does not know by its id.
    if (["/v1/events", "/v1/batches", "/v1/proofs/batches/{batch}"].includes(path)) continue;
    // main-mesh.test.ts is about these.
    if (path.startsWith("/v1/memory")) continue;
    const { entries } = JSON.parse((await zero.get("api", "/v1/journal?limit=1000", "nobody")).body);
    const { id } = entries.find((entry: { kind: string }) => entry.kind === "transfer");
    const place = path.replace("/accounts/{id}", `/accounts/${PAYER}`).replace("{id}", id).replace("{height}", "1");
    const real = path.endsWith("/balances") ? `${place}?height=1` : place;
    const answer = await zero.get("api", real, "nobody");
    expect({ real, code: answer.code }).toEqual({ real, code: 200 });
    checkAnswer(described, { path: real, ...answer });
  }
  const account = JSON.parse((await zero.get("api", `/v1/accounts/${PAYEE}`, "nobody")).body);
  expect(BigInt(account.creditsPosted)).toBe(1_000_005n);

  const events = request({
    ...{ host: "127.0.0.1", port: zero.ports.api, servername: nodeIdentity(0, cluster.network), ca: cluster.ca },
    ...{ path: "/v1/events", agent: false },
  });
  cleanups.push(() => events.destroy());
  events.on("error", () => {}).end();
  const [response] = await once(events, "response");
  let heard = "";
  response.setEncoding("utf8").on("data", (chunk: string) => {
    heard += chunk;
  });
  response.on("error", () => {});
  await until(() =>
    expect(heard).toMatch(/id: \d+\nevent: block\ndata: {"height":\d+,"applied":\d+,"resultsHash":"[0-9a-f]{64}"}/),
  );

  const reach = ["--node", `127.0.0.1:${zero.ports.control}/${nodeIdentity(0, cluster.network)}`, "--tls", zero.tls];
  expect(await run([MAIN, "status", ...reach])).toMatchObject({ code: 0, out: expect.stringContaining("Voting") });
  const services = {
    ledger: "running",
    cal_engine: "running",
    mining_agent: "running",
    memory_mesh: "running",
    consensus: "running",
  };
  await until(async () => {
    const health = await run([MAIN, "health", ...reach, "--json"]);
    expect(health.code).toBe(0);
    const said: Record<string, { state: string }> = JSON.parse(health.out).services;
    expect(Object.fromEntries(Object.entries(said).map(([name, { state }]) => [name, state]))).toEqual(services);
  });
  const metrics = (await zero.get("control", "/metrics")).body;
  expect(metrics).toContain('hmn_service_restarts_total{service="memory_mesh"} 0');
  expect(metrics).toMatch(/hmn_lambda_ratio 0\.7\n/);
  expect(metrics).toMatch(/hmn_validator_psi_ratio{validator="3"} 1\n/);
  expect(metrics).toMatch(/hmn_service_interval_seconds{service="ledger"} 0\.82/);
  expect(await run([MAIN, "stats", ...reach])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/transfers +\d+ applied/),
  });

  const reachApi = ["--node", `127.0.0.1:${zero.ports.api}/${nodeIdentity(0, cluster.network)}`, "--tls", zero.tls];
  expect(await run([MAIN, "supply", ...reachApi])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/FLX +\d+\.\d{6} +\d+\.\d{6} +\d+\.\d{6} +none\n/),
  });

  // Of its data folder too, while it runs; of what it has proved, anywhere.
  const genesis = ["--genesis", join(zero.config, "genesis.json")];
  const verified = await run([MAIN, "verify", zero.data, ...genesis]);
  expect(verified, verified.out).toMatchObject({
    code: 0,
    out: expect.stringContaining("certificate and root is right"),
  });
  const other = await run([MAIN, "verify", zero.data, "--genesis", join(zero.config, "network.json")]);
  expect(other).toMatchObject({ code: 1, out: expect.stringContaining("name the data folder of a node") });
});

test("network.json may change under a running node", async () => {
  const zero = await running();
  const path = join(zero.config, "network.json");
  const before = networkFileSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  const write = (peers: typeof before.peers): void => {
    writeFileSync(`${path}.new`, JSON.stringify({ ...before, peers }));
    renameSync(`${path}.new`, path);
  };
  await until(async () => expect((await zero.status()).connectedPeers).toEqual([1, 2, 3]));
  write(before.peers.filter(({ id }) => id !== 3));
  await until(async () => expect((await zero.status()).connectedPeers).toEqual([1, 2]));
  write(before.peers);
  await until(async () => expect((await zero.status()).connectedPeers).toEqual([1, 2, 3]));
});

test("SIGTERM: what was taken is answered, what comes now is refused as stopping, and the process ends well", async () => {
  // Slow answers, so that there is time between a batch taken and its answer.
  const zero = await running({ HMN_FAULTS: "slow=1500" });
  const connection = await connected(zero);
  const status = await zero.status();
  let sequence = 0n;
  const batch = (): Uint8Array => {
    sequence += 1n;
    const id = (BigInt(Date.now()) << 80n) + sequence;
    const transfer = newTransfer({ id, debit: PAYER, credit: PAYEE, amount: 1n, ledger: LEDGERS.FLX, code: 1 });
    return encodeBatch({
      ...{ type: "transfers", payload: encodeTransfers([transfer]), chainId: status.chainId ?? "", keyPair: owner },
      ...{ stream: 1n, sequence, expiryMs: Date.now() + 60_000 },
    });
  };
  const never = new AbortController().signal;
  const taken = connection.ask(batch(), 20_000, never);
  const outstanding = async (): Promise<string> => (await zero.get("control", "/metrics")).body;
  await until(async () => expect(await outstanding()).toContain("hmn_client_outstanding 1"));
  const ended = zero.end("SIGTERM");
  await until(async () => expect(await zero.status()).toMatchObject({ state: "Stopping", ready: false }));
  const late = connection.ask(batch(), 20_000, never);
  expect(await taken).toMatchObject({ type: "answered", answer: { type: "committed", outcome: { failures: [] } } });
  expect(await late).toMatchObject({
    type: "answered",
    answer: { type: "refused", reason: "stopping", retryable: true },
  });
  expect(await ended).toBe(0);
  expect(zero.log()).not.toContain("stops with answers owed");
  // The others go on without it.
  const one = cluster.nodes[1];
  if (one === undefined) throw new Error("four nodes");
  const { height } = await one.status();
  await until(async () => expect((await one.status()).height).toBeGreaterThan(height));
});

async function connected(node: TestNode): Promise<Connection> {
  const connection = openConnection({
    target: { host: "127.0.0.1", port: node.ports.client, servername: nodeIdentity(node.id, cluster.network) },
    ...{ ca: cluster.ca, onHello: () => true, onFree: () => {} },
  });
  cleanups.push(() => connection.close());
  await until(() => expect(connection.hasRoom()).toBe(true));
  return connection;
}
