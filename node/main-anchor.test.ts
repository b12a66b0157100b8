import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LEDGERS, nodeIdentity } from "./api/contract.ts";
import { present } from "./base/assert.ts";
import { toHex } from "./base/bytes.ts";
import { seededRandom } from "./base/random.ts";
import { type HmnClient, open } from "./client/index.ts";
import { sha256Hex } from "./codec/hash.ts";
import { keyPairFromSeed } from "./codec/signature.ts";
import { newTransfer } from "./codec/transfer.ts";
import { MAIN, type TestCluster, type TestNode, testCluster } from "./test-cluster.ts";

const owner = keyPairFromSeed(new Uint8Array(32).fill(7));
const PAYER = 1n << 64n;
const PAYEE = PAYER + 1n;
const GAP_MS = { from: 20, to: 400 } as const;

let folder = "";
let cluster: TestCluster;
const clients: HmnClient[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "hmn-anchor-"));
  cluster = await testCluster(folder, 4);
});
afterEach(async ({ task }) => {
  for (const client of clients.splice(0)) client.close();
  if (task.result?.state === "fail") for (const node of cluster.nodes) console.error(node.log().slice(-3_000));
  await cluster.close();
  rmSync(folder, { recursive: true });
});

const until = <T>(condition: () => Promise<T>): Promise<T> =>
  vi.waitFor(condition, { timeout: 300_000, interval: 500 });
async function clientOf({ id, ports }: TestNode): Promise<HmnClient> {
  const node = { validator: id, host: "127.0.0.1", port: ports.client, apiPort: ports.api };
  const client = await open({ network: cluster.network, nodes: [node], ca: cluster.ca, key: owner });
  clients.push(client);
  return client;
}
async function metric(node: TestNode, name: string): Promise<number> {
  const { body } = await node.get("control", "/metrics");
  return Number(new RegExp(`^${name.replaceAll(/[{}]/g, "\\$&")} (.*)$`, "m").exec(body)?.[1]);
}
/** Blocks come with payments at uneven gaps: blocks as regular as a clock would give the nodes little but noise to compare. */
async function pay(client: HmnClient, signal: AbortSignal): Promise<void> {
  const random = seededRandom(7n);
  while (!signal.aborted) {
    const id = client.newIds(1);
    const payment = newTransfer({ id, debit: PAYER, credit: PAYEE, amount: 1n, ledger: LEDGERS.FLX, code: 1 });
    await client.createTransfers([payment], { signal });
    await sleep(GAP_MS.from + random.below(GAP_MS.to - GAP_MS.from));
  }
}
const run = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8" });

test("four nodes: an entry is scored by what its publisher and its replicas measured, anchored, and proved", async () => {
  const { nodes } = cluster;
  for (const node of nodes) node.start();
  await until(() => Promise.all(nodes.map((node) => node.status())));
  await cluster.writeGenesis(
    [PAYER, PAYEE].map((id) => ({
      ...{ id: `${id}`, ownerKey: toHex(owner.publicKey), ledger: LEDGERS.FLX, balance: "1000000" },
    })),
  );
  await until(async () => {
    for (const node of nodes) expect(await metric(node, "hmn_mesh_connected_peers")).toBe(3);
  });
  const each = await Promise.all(nodes.map(clientOf));
  const { memory } = present(each[0], "a client");
  await memory.put("greeting", "hello");
  const paid = new AbortController();
  const paying = pay(present(each[0], "a client"), paid.signal);
  // Whoever holds it scores it, once all have measured 144 blocks; two who score it high have it anchored.
  const key = { author: memory.author, id: "greeting" };
  const holders = async () => {
    const found = await Promise.all(each.map((client) => client.memory.get(key)));
    return found.flatMap((entry, index) => (entry?.anchor === undefined ? [] : [{ entry, index }]));
  };
  await until(async () => expect(await holders()).toHaveLength(3));
  for (const { entry } of await holders()) expect(entry).toMatchObject({ publisher: 0 });
  await until(async () => {
    const scores = (await holders()).map(({ entry }) => entry.resonancePpm ?? 0);
    expect(Math.max(...scores)).toBeGreaterThanOrEqual(900_000);
  });
  paid.abort();
  await paying;

  // A holder shows the proof; it needs nothing but the genesis, and tells the file from another.
  const [holder] = await holders();
  const node = present(nodes[holder?.index ?? -1], "a holder");
  // A later final block has to name the results of the anchor's.
  const body = await until(async () => {
    const answer = await node.get("api", `/v1/memory/${key.author}/greeting/proof`, "nobody");
    expect(answer).toMatchObject({ code: 200 });
    return answer.body;
  });
  const [proof, greeting, other] = ["proof", "greeting", "other"].map((name) => join(folder, name));
  if (proof === undefined || greeting === undefined || other === undefined) throw new Error("three names");
  writeFileSync(proof, body);
  writeFileSync(greeting, "hello");
  writeFileSync(other, "hullo");
  const genesis = join(node.config, "genesis.json");
  const shown = run("check-proof", proof, "--genesis", genesis, "--content", greeting);
  expect(shown).toMatchObject({ status: 0 });
  for (const part of [key.author, sha256Hex(Buffer.from("hello")), `block ${holder?.entry.anchor?.height}`])
    expect(shown.stdout).toContain(part);
  const wrong = run("check-proof", proof, "--genesis", genesis, "--content", other);
  expect(wrong).toMatchObject({ status: 1, stderr: expect.stringContaining("the file's content has the hash") });

  // Its people see how the network is, and why.
  const reach = ["--node", `127.0.0.1:${node.ports.api}/${nodeIdentity(node.id, cluster.network)}`];
  const ca = ["--ca", join(node.tls, "ca.crt")];
  const told = run("coherence", ...reach, ...ca);
  expect(told).toMatchObject({ status: 0 });
  expect(told.stdout).toMatch(/^Ĉ +\d\.\d{3}, of the best quorum/m);
  expect(told.stdout).toMatch(/^3 +\d+ +(\d\.\d{3} *){6}$/m);
  const entry = run("memory", "show", "greeting", "--author", key.author, ...reach, ...ca);
  expect(JSON.parse(entry.stdout)).toMatchObject({ id: "greeting", bytes: 5, anchor: holder?.entry.anchor });

  // Of a folder too, for as long as it has the block; and the note survives a restart.
  expect(await node.end("SIGTERM")).toBe(0);
  const replayed = join(folder, "replayed");
  const made = run("prove", node.data, "anchor", key.author, "greeting", "--genesis", genesis, "--out", replayed);
  expect(made).toMatchObject({ status: 0 });
  expect(run("check-proof", replayed, "--genesis", genesis)).toMatchObject({ status: 0 });
  const nothing = join(folder, "nothing");
  expect(run("prove", node.data, "anchor", key.author, "none", "--genesis", genesis, "--out", nothing)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("anchored entry none"),
  });
  node.start();
  await until(async () => {
    const found = await (await clientOf(node)).memory.get(key);
    expect(found).toMatchObject({ publisher: 0, anchor: holder?.entry.anchor });
  });
}, 600_000);
