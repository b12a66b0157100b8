import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { nodeIdentity } from "./api/contract.ts";
import { present } from "./base/assert.ts";
import { MAIN, type TestCluster, type TestNode, testCluster } from "./test-cluster.ts";

let folder = "";
let cluster: TestCluster;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "hmn-observer-"));
  cluster = await testCluster(folder, 4, { observers: 2 });
});
afterEach(async ({ task }) => {
  if (task.result?.state === "fail")
    for (const node of [...cluster.nodes, ...cluster.observers]) console.error(node.log().slice(-3_000));
  await cluster.close();
  rmSync(folder, { recursive: true });
});

const until = <T>(condition: () => Promise<T>): Promise<T> =>
  vi.waitFor(condition, { timeout: 120_000, interval: 100 });
const json = async (node: TestNode, path: string): Promise<Record<string, unknown>> =>
  JSON.parse((await node.get("api", path)).body);

test("observers follow four validators over mutual TLS and answer readers; one that executes otherwise says so", async () => {
  const { nodes, observers } = cluster;
  const [follower, differing] = [present(observers[0], "two"), present(observers[1], "two")];
  for (const node of nodes) node.start();
  await until(() => Promise.all(nodes.map((node) => node.status())));
  await cluster.writeGenesis([]);
  await until(async () => {
    for (const node of nodes) expect((await node.status()).height).toBeGreaterThan(3);
  });
  follower.start();
  differing.start({ HMN_FAULTS: "differ" });
  await until(async () => {
    expect(await follower.status()).toMatchObject({
      ...{ state: "Following", role: "Observer", ready: true, validator: follower.id, resultsDiffer: false },
      connectedPeers: [0, 1, 2, 3],
    });
    expect(await differing.status()).toMatchObject({ resultsDiffer: true, faults: ["differ"] });
  });
  const told = await present(nodes[2], "four").status();
  expect(told).toMatchObject({ observers: [0, 1], resultsDiffer: false });
  expect(told.connectedPeers).toEqual([0, 1, 3]);
  const { height } = await follower.status();
  const blocks = await Promise.all([follower, ...nodes].map((node) => json(node, `/v1/blocks/${height - 1}`)));
  expect(new Set(blocks.map(({ resultsHash }) => resultsHash)).size).toBe(1);
  const reach = ["--node", `127.0.0.1:${follower.ports.control}/${nodeIdentity(follower.id, cluster.network)}`];
  const status = spawnSync(process.execPath, [MAIN, "status", ...reach, "--tls", follower.tls], { encoding: "utf8" });
  expect(status.stdout).toContain("observer-0.payments");
  expect(status.status, status.stderr).toBe(0);
  // Nothing hangs on them.
  for (const observer of observers) expect(await observer.end("SIGTERM")).toBe(0);
  await until(async () => {
    const now = await present(nodes[0], "four").status();
    expect(now.height).toBeGreaterThan(height + 3);
    expect(now.observers).toEqual([]);
  });
}, 180_000);
