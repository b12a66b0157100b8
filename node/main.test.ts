import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { genesisFileSchema, LATENCY_BUCKETS, LEDGERS, METRICS, type NodeStatus } from "./api/contract.ts";
import { toHex } from "./base/bytes.ts";
import { trustOfGenesis } from "./chain/proof-trust.ts";
import { type Client, openClient } from "./client/client.ts";
import { open } from "./client/open.ts";
import { keyPairFromSeed } from "./codec/signature.ts";
import { newTransfer } from "./codec/transfer.ts";
import { MAIN, type TestCluster, type TestNode, testCluster } from "./test-cluster.ts";

const owner = keyPairFromSeed(new Uint8Array(32).fill(7));
const FIRST_ACCOUNT = 1n << 64n;
const ACCOUNTS = 4;
const BALANCE = 1_000_000n;

let folder = "";
let cluster: TestCluster;
let client: Client | undefined;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "hmn-node-"));
  cluster = await testCluster(folder, 4);
});
afterEach(async ({ task }) => {
  client?.close();
  if (task.result?.state === "fail") for (const node of cluster.nodes) console.error(node.log().slice(-3_000));
  await cluster.close();
  rmSync(folder, { recursive: true });
});

const until = <T>(condition: () => Promise<T>): Promise<T> => vi.waitFor(condition, { timeout: 60_000, interval: 50 });
const statuses = (nodes: readonly TestNode[]): Promise<NodeStatus[]> => Promise.all(nodes.map((node) => node.status()));
const json = async (node: TestNode, path: string): Promise<Record<string, unknown>> => {
  const { code, body } = await node.get("api", path, "nobody");
  if (code !== 200) throw new Error(`${path} answered ${code}: ${body}`);
  return JSON.parse(body);
};

type Moved = { readonly id: bigint; readonly from: bigint; readonly to: bigint; readonly amount: bigint };

/** Sends batches one after another until told to stop; what was acknowledged is in `acknowledged`. */
function load(to: Client): { acknowledged: Moved[]; stop(): Promise<void> } {
  const acknowledged: Moved[] = [];
  let stopped = false;
  const run = (async () => {
    for (let turn = 0; !stopped; turn++) {
      const first = to.newIds(10);
      const moves = Array.from({ length: 10 }, (_, index) => ({
        id: first + BigInt(index),
        from: FIRST_ACCOUNT + BigInt((turn + index) % ACCOUNTS),
        to: FIRST_ACCOUNT + BigInt((turn + index + 1) % ACCOUNTS),
        amount: BigInt(1 + (index % 3)),
      }));
      const records = moves.map(({ id, from, to: credit, amount }) =>
        newTransfer({ id, debit: from, credit, amount, ledger: LEDGERS.FLX, code: 1 }),
      );
      const result = await to.transfer(records, { target: turn });
      if (result.type === "committed") {
        expect(result.failures).toEqual([]);
        acknowledged.push(...moves);
      }
      // A client that is closed answers at once: without a pause a failed test would spin for ever instead of ending.
      else await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  return {
    acknowledged,
    stop: async () => {
      stopped = true;
      await run;
    },
  };
}

/** All of a node's journal. */
async function journalOf(node: TestNode): Promise<Record<string, string>[]> {
  const all: Record<string, string>[] = [];
  for (;;) {
    const { entries } = await json(node, `/v1/journal?limit=500&after=${all.length}`);
    if (!Array.isArray(entries) || entries.length === 0) return all;
    all.push(...entries);
  }
}

test("four nodes from keys to blocks; one is killed and comes back; all stop and come back; nothing acknowledged is lost", async () => {
  const { nodes } = cluster;
  for (const node of nodes) node.start();
  // Before genesis: alive, not ready, its key shown.
  const waiting = await until(() => statuses(nodes));
  for (const status of waiting) {
    expect(status).toMatchObject({ state: "WaitingForGenesis", ready: false, version: "1.2.3", faults: [] });
  }
  const [zero, , two] = nodes;
  if (zero === undefined || two === undefined) throw new Error("four nodes");
  expect(await zero.get("control", "/livez", "nobody")).toMatchObject({ code: 200 });
  expect(await zero.get("control", "/readyz", "nobody")).toMatchObject({
    code: 503,
    body: expect.stringContaining("waiting for genesis"),
  });

  await cluster.writeGenesis(
    Array.from({ length: ACCOUNTS }, (_, index) => ({
      id: (FIRST_ACCOUNT + BigInt(index)).toString(),
      ownerKey: toHex(owner.publicKey),
      ledger: LEDGERS.FLX,
      balance: BALANCE.toString(),
    })),
  );
  await until(async () => {
    for (const status of await statuses(nodes)) expect(status).toMatchObject({ state: "Voting", ready: true });
  });

  // The folder of a running node is nobody else's.
  const second = spawnSync(
    process.execPath,
    [MAIN, "start", "--validator", "0", "--data", zero.data, "--tls", zero.tls, "--config", zero.config],
    { encoding: "utf8" },
  );
  expect(second).toMatchObject({ status: 1, stdout: expect.stringContaining("is in use by another process") });

  client = await openClient({ targets: cluster.targets, ca: cluster.ca, keyPair: owner });
  const running = load(client);
  const acknowledgedMore = async (count: number): Promise<void> => {
    const before = running.acknowledged.length;
    await until(async () => expect(running.acknowledged.length).toBeGreaterThan(before + count));
  };
  await acknowledgedMore(50);

  expect(await two.end("SIGKILL")).toBe("SIGKILL");
  await acknowledgedMore(50);
  two.start();
  await until(async () => {
    const [a, b] = await statuses([zero, two]);
    expect(b).toMatchObject({ state: "Voting", ready: true });
    expect(b?.height).toBeGreaterThanOrEqual((a?.height ?? 0) - 2);
  });
  await acknowledgedMore(30);
  await running.stop();

  // Proved with nothing but the genesis, by whom a proof is asked of the nodes that run.
  const genesis = genesisFileSchema.parse(JSON.parse(readFileSync(join(zero.config, "genesis.json"), "utf8")));
  const trust = trustOfGenesis(genesis);
  const trusting = await open({
    ...{ network: cluster.network, ca: cluster.ca, key: owner },
    nodes: nodes.map(({ id, ports }) => ({ validator: id, host: "127.0.0.1", port: ports.client, apiPort: ports.api })),
    ...(trust.ok ? { trust: trust.value } : {}),
  });
  const proved = { debit: FIRST_ACCOUNT, credit: FIRST_ACCOUNT + 1n, amount: 1n, ledger: LEDGERS.FLX, code: 1 };
  const move = { id: trusting.newIds(1), from: proved.debit, to: proved.credit, amount: 1n };
  const records = [newTransfer({ ...proved, id: move.id }), newTransfer({ ...proved, id: move.id + 1n, credit: 9n })];
  expect(await trusting.createTransfers(records, { confirm: "proof" })).toMatchObject({
    ...{ type: "committed", failures: [{ index: 1, code: "credit_account_not_found" }] },
  });
  running.acknowledged.push(move);
  trusting.close();

  const metrics = (await zero.get("control", "/metrics")).body;
  for (const name of Object.values(METRICS)) expect(metrics).toContain(`# TYPE ${name} `);
  for (const bound of LATENCY_BUCKETS) expect(metrics).toContain(`${METRICS.clientLatency}_bucket{le="${bound}"}`);
  expect(metrics).toMatch(/hmn_client_batches_total\{result="accepted"\} [1-9]/);
  expect(metrics).toMatch(/hmn_client_records_total\{result="taken"\} [1-9]/);
  expect(metrics).toMatch(/hmn_client_records_total\{result="committed"\} [1-9]/);
  expect(metrics).toMatch(/process_cpu_seconds_total [0-9.]+/);
  expect(metrics).toContain('hmn_safety_violations_total{kind="fork"} 0');

  expect(await Promise.all(nodes.map((node) => node.end("SIGTERM")))).toEqual([0, 0, 0, 0]);
  client.close();
  for (const node of nodes) node.start();
  await until(async () => {
    for (const status of await statuses(nodes)) expect(status).toMatchObject({ state: "Voting", ready: true });
  });

  // The same answer from every node: each acknowledged transfer once, with its content; balances that follow from them.
  const common = Math.min(...(await statuses(nodes)).map(({ height }) => height));
  const blocks = await Promise.all(nodes.map((node) => json(node, `/v1/blocks/${common}`)));
  expect(new Set(blocks.map(({ resultsHash }) => resultsHash)).size).toBe(1);
  for (const node of nodes) {
    const moved = new Map<string, Record<string, string>>();
    for (const entry of await journalOf(node)) {
      if (entry.kind !== "transfer") continue;
      expect(moved.has(String(entry.id))).toBe(false);
      moved.set(String(entry.id), entry);
    }
    for (const { id, from, to, amount } of running.acknowledged) {
      expect(moved.get(id.toString())).toMatchObject({ debit: `${from}`, credit: `${to}`, amount: `${amount}` });
    }
    const balances = new Map<string, bigint>();
    for (const { debit, credit, amount } of moved.values()) {
      balances.set(String(debit), (balances.get(String(debit)) ?? BALANCE) - BigInt(amount ?? 0));
      balances.set(String(credit), (balances.get(String(credit)) ?? BALANCE) + BigInt(amount ?? 0));
    }
    for (const [id, balance] of balances) {
      const account = await json(node, `/v1/accounts/${id}`);
      expect(BigInt(String(account.creditsPosted)) - BigInt(String(account.debitsPosted))).toBe(balance);
    }
  }
  const totals = await json(zero, "/v1/totals");
  expect(totals.totals).toMatchObject({ FLX: { issued: `${BALANCE * BigInt(ACCOUNTS)}`, burned: "0" } });
  const some = running.acknowledged[0];
  expect(await json(zero, `/v1/transfers/${some?.id}`)).toMatchObject({ amount: `${some?.amount}` });
  expect(await json(zero, `/v1/accounts?after=${FIRST_ACCOUNT}&limit=1`)).toMatchObject({
    accounts: [{ id: `${FIRST_ACCOUNT + 1n}` }],
  });
  for (const [path, code, error] of [
    ["/v1/accounts?limit=0", 400, "limit: from 1 to 1000"],
    ["/v1/accounts?after=-1", 400, "after: a decimal number"],
    ["/v1/accounts?limits=1", 400, "limits"],
    [`/v1/transfers/${1n << 128n}`, 400, "id: at most 2^128 - 1"],
    ["/v1/blocks/x", 400, "height: a decimal number"],
    ["/v1/transfers/5", 404, "no such transfer"],
    ["/v2", 404, "no such path"],
  ] as const) {
    const answer = await zero.get("api", path, "nobody");
    expect(answer, path).toMatchObject({ code, body: expect.stringContaining(error) });
  }
});

test("faults of test images: a silent node, a crash; the flags of the command line", async () => {
  const [silent, crash] = cluster.nodes;
  if (silent === undefined || crash === undefined) throw new Error("four nodes");
  silent.start({ HMN_FAULTS: "silent" });
  await until(async () => expect(await silent.status()).toMatchObject({ ready: false, faults: ["silent"] }));
  expect(await silent.get("control", "/readyz")).toMatchObject({ code: 503, body: expect.stringContaining("silent") });
  expect(await silent.end("SIGTERM")).toBe(0);
  crash.start({ HMN_FAULTS: "crash=0" });
  expect(await crash.ended()).toBe(1);
  expect(crash.log()).toContain("crash: switched on for a test");

  const run = (...args: string[]) =>
    spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8", env: { HMN_VERSION: "4.5.6" } });
  expect(run("version")).toMatchObject({ status: 0, stdout: "4.5.6\n" });
  expect(run("start", "--help").stdout).toContain("--consensus-port");
  expect(run("start")).toMatchObject({ status: 2, stderr: expect.stringContaining("validator") });
  expect(run("start", "--nonsense")).toMatchObject({ status: 2 });
  expect(run("dance")).toMatchObject({ status: 2, stderr: expect.stringContaining("unknown command") });
});
