import { spawnSync } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { nodeIdentity } from "./api/contract.ts";
import { present } from "./base/assert.ts";
import { toHex } from "./base/bytes.ts";
import { type HmnClient, type MemoryChange, open } from "./client/index.ts";
import { keyPairFromSeed } from "./codec/signature.ts";
import { MAIN, type TestCluster, type TestNode, testCluster } from "./test-cluster.ts";

let folder = "";
let cluster: TestCluster;
const clients: HmnClient[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "hmn-mesh-"));
  cluster = await testCluster(folder, 4);
});
afterEach(async ({ task }) => {
  for (const client of clients.splice(0)) client.close();
  if (task.result?.state === "fail") for (const node of cluster.nodes) console.error(node.log().slice(-3_000));
  await cluster.close();
  rmSync(folder, { recursive: true });
});

const until = <T>(condition: () => Promise<T>): Promise<T> =>
  vi.waitFor(condition, { timeout: 120_000, interval: 100 });
const addressOf = ({ id, ports }: TestNode) => ({
  validator: id,
  host: "127.0.0.1",
  port: ports.client,
  apiPort: ports.api,
});
async function clientOf(nodes: readonly TestNode[], seed: number): Promise<HmnClient> {
  const key = keyPairFromSeed(new Uint8Array(32).fill(seed));
  const client = await open({ network: cluster.network, nodes: nodes.map(addressOf), ca: cluster.ca, key });
  clients.push(client);
  return client;
}
/** What a node's `/metrics` says. */
async function metric(node: TestNode, name: string): Promise<number> {
  const { body } = await node.get("control", "/metrics");
  return Number(new RegExp(`^${name} (.*)$`, "m").exec(body)?.[1]);
}
/** From now on a node has only these for peers, as if the network to the others were cut. */
function setPeers(node: TestNode, peers: readonly TestNode[]): void {
  const file = {
    network: cluster.network,
    peers: peers.map(({ id, ports }) => ({ id, host: "127.0.0.1", port: ports.consensus, meshPort: ports.mesh })),
  };
  writeFileSync(join(node.config, ".network.json"), JSON.stringify(file));
  renameSync(join(node.config, ".network.json"), join(node.config, "network.json"));
}
const textOf = (entry: { content: Uint8Array } | undefined): string | undefined =>
  entry === undefined ? undefined : Buffer.from(entry.content).toString();

test("four nodes: written on one, read on all; a cut network heals into the same entries; a restart keeps them", async () => {
  const { nodes } = cluster;
  for (const node of nodes) node.start();
  await until(() => Promise.all(nodes.map((node) => node.status())));
  await cluster.writeGenesis([]);
  await until(async () => {
    for (const node of nodes) expect(await metric(node, "hmn_mesh_connected_peers")).toBe(3);
  });
  const each = await Promise.all(nodes.map((node) => clientOf([node], 7)));
  const [zero, one, two, three] = each;
  if (zero === undefined || one === undefined || two === undefined || three === undefined) throw new Error("four");
  const { author } = zero.memory;

  // Somebody watches through all nodes, and hears of each version once.
  const changes: MemoryChange[] = [];
  const watching = new AbortController();
  const connected = new Set<number>();
  const watched = (await clientOf(nodes, 8)).memory.watch((change) => changes.push(change), {
    signal: watching.signal,
    onConnected: (target) => connected.add(target),
  });
  await until(async () => expect(connected.size).toBe(4));

  // Ten ids, so that each node meets some whose shard it does not hold.
  for (let id = 0; id < 10; id++) await present(each[id % 4], "node").memory.put(`entry-${id}`, `content ${id}`);
  await until(async () => {
    for (const client of each) {
      for (let id = 0; id < 10; id++) {
        expect(textOf(await client.memory.get({ author, id: `entry-${id}` }))).toBe(`content ${id}`);
      }
    }
  });
  await until(async () => expect(changes.map(({ id }) => id).toSorted()).toHaveLength(10));
  expect(new Set(changes.map(({ digest }) => digest)).size).toBe(10);
  await three.memory.delete("entry-3");
  await until(async () => {
    for (const client of each) expect(await client.memory.get({ author, id: "entry-3" })).toBeUndefined();
  });
  await until(async () => expect(changes.at(-1)).toMatchObject({ id: "entry-3", deleted: true, bytes: 0 }));
  watching.abort();
  await watched;

  // The same on the command line.
  const keyFile = join(folder, "author.key");
  writeFileSync(keyFile, toHex(new Uint8Array(32).fill(7)));
  const cli = (node: TestNode, ...args: string[]) => {
    const reach = ["--node", `127.0.0.1:${node.ports.api}/${nodeIdentity(node.id, cluster.network)}`];
    const all = [MAIN, "memory", ...args, ...reach, "--ca", join(node.tls, "ca.crt"), "--key", keyFile];
    return spawnSync(process.execPath, all, { encoding: "utf8" });
  };
  const [first, last] = [present(nodes[0], "node"), present(nodes[3], "node")];
  expect(cli(first, "put", "cli", "by hand")).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('"id":"cli"'),
  });
  await until(async () => expect(textOf(await three.memory.get({ author, id: "cli" }))).toBe("by hand"));
  expect(cli(last, "get", "cli")).toMatchObject({ status: 0, stdout: "by hand\n" });
  expect(cli(last, "get", "nothing")).toMatchObject({ status: 1, stderr: expect.stringContaining("no entry nothing") });
  expect(cli(last, "put", "cli")).toMatchObject({ status: 2, stderr: expect.stringContaining("TEXT is missing") });

  // Two and two: both sides write, the same key too, where the later one wins.
  const [left, right] = [nodes.slice(0, 2), nodes.slice(2)];
  for (const node of nodes) setPeers(node, left.includes(node) ? left : right);
  await until(async () => {
    for (const node of nodes) expect(await metric(node, "hmn_mesh_connected_peers")).toBe(1);
  });
  for (let id = 0; id < 10; id++) {
    await zero.memory.put(`left-${id}`, `left ${id}`);
    await two.memory.put(`right-${id}`, `right ${id}`);
  }
  await zero.memory.put("both", "earlier");
  await two.memory.put("both", "later");
  await zero.memory.delete("entry-5");
  const across = await two.memory.list(author, { limit: 1_000 });
  expect(across.filter(({ id }) => id.startsWith("left"))).toEqual([]);
  for (const node of nodes) setPeers(node, nodes);
  const everything = async (): Promise<void> => {
    for (const client of each) {
      const read = async (id: string): Promise<string | undefined> => textOf(await client.memory.get({ author, id }));
      const ids = Array.from({ length: 10 }, (_, id) => id);
      expect(await Promise.all(ids.map((id) => read(`left-${id}`)))).toEqual(ids.map((id) => `left ${id}`));
      expect(await Promise.all(ids.map((id) => read(`right-${id}`)))).toEqual(ids.map((id) => `right ${id}`));
      expect(textOf(await client.memory.get({ author, id: "both" }))).toBe("later");
      expect(await client.memory.get({ author, id: "entry-5" })).toBeUndefined();
    }
  };
  await until(everything);

  // All stop and come back: what they hold is on their own disks.
  expect(await Promise.all(nodes.map((node) => node.end("SIGTERM")))).toEqual([0, 0, 0, 0]);
  first.start();
  await until(async () => expect(await metric(first, "hmn_mesh_entries")).toBeGreaterThan(15));
  for (const node of nodes.slice(1)) node.start();
  await until(everything);
}, 600_000);
