import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type GenesisFile, LEDGERS } from "./api/contract.ts";
import { present } from "./base/assert.ts";
import { toHex } from "./base/bytes.ts";
import { keyPairFromSeed } from "./codec/signature.ts";
import { MAIN, type TestCluster, type TestNode, testCluster } from "./test-cluster.ts";

const owner = toHex(keyPairFromSeed(new Uint8Array(32).fill(7)).publicKey);
const ACCOUNT = (1n << 64n).toString();
const BALANCE = "1000000";

let folder = "";
const clusters: TestCluster[] = [];
const at = (...names: string[]): string => join(folder, ...names);
const begun = async (name: string): Promise<TestCluster> => {
  const cluster = await testCluster(at(name), 4);
  clusters.push(cluster);
  return cluster;
};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hmn-restore-"));
  writeFileSync(at("key"), "5a".repeat(32));
});
afterEach(async ({ task }) => {
  for (const { nodes } of clusters)
    if (task.result?.state === "fail") for (const node of nodes) console.error(node.log().slice(-2_000));
  await Promise.all(clusters.splice(0).map((cluster) => cluster.close()));
  rmSync(folder, { recursive: true });
});

const until = <T>(condition: () => Promise<T>): Promise<T> => vi.waitFor(condition, { timeout: 60_000, interval: 100 });
const statuses = (nodes: readonly TestNode[]) => Promise.all(nodes.map((node) => node.status()));
const voting = (nodes: readonly TestNode[]) =>
  until(async () => {
    const all = await statuses(nodes);
    for (const status of all) expect(status).toMatchObject({ state: "Voting", ready: true });
    return all;
  });
const run = (...args: string[]) =>
  spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", MAIN, ...args, "--key", at("key")], {
    encoding: "utf8",
  });

test("nodes that hold a backup wait with it and say what a genesis has to; with that genesis another network goes on", async () => {
  const old = await begun("old");
  for (const node of old.nodes) node.start();
  await until(() => statuses(old.nodes));
  const accounts = [{ id: ACCOUNT, ownerKey: owner, ledger: LEDGERS.FLX, balance: BALANCE }];
  await old.writeGenesis(accounts, { epochLengthMs: 10_000, checkpointIntervalMs: 1_000 });
  const [before] = await voting(old.nodes);
  const [zero] = old.nodes;
  const { data, config } = present(zero, "there are four nodes");
  await until(async () => {
    const made = run("backup", data, at("backups"), "--name", "one", "--genesis", join(config, "genesis.json"));
    expect(made).toMatchObject({ status: 0, stderr: "" });
  });
  await old.close();

  const next = await begun("next");
  for (const node of next.nodes) {
    const restore = () => run("restore", at("backups"), "one", "--data", node.data);
    // Nothing of it is there yet, the folder included.
    expect(restore()).toMatchObject({ status: 0, stdout: expect.stringContaining("the state after block") });
    expect(restore()).toMatchObject({ status: 0, stdout: expect.stringContaining("is there already") });
    node.start();
  }
  const waiting = await until(async () => {
    const all = await statuses(next.nodes);
    for (const status of all) expect(status).toMatchObject({ state: "WaitingForGenesis", chainId: null });
    return all;
  });
  const told = present(waiting[0]?.restored, "it tells what it holds");
  for (const { restored } of waiting) expect(restored).toEqual(told);
  expect(told).toMatchObject({ network: "payments", from: { chainId: before?.chainId } });
  const genesis: GenesisFile = {
    network: next.network,
    timeNs: (BigInt(Date.now()) * 1_000_000n).toString(),
    authority: { publicKeys: [owner], threshold: 1 },
    validators: told.validators.map((one) => ({ ...one, consensusKey: waiting[one.id]?.publicKey ?? "" })),
    accounts: [],
    parameters: told.parameters,
    restoredFrom: told.from,
  };
  for (const node of next.nodes) writeFileSync(join(node.config, "genesis.json"), JSON.stringify(genesis));
  for (const status of await voting(next.nodes)) {
    expect(status.restored).toBe(undefined);
    expect(status.chainId).not.toBe(before?.chainId);
  }
  for (const node of next.nodes) {
    const { code, body } = await node.get("api", `/v1/accounts/${ACCOUNT}`, "nobody");
    expect([code, JSON.parse(body).creditsPosted]).toEqual([200, BALANCE]);
    // Whatever store and key are by then.
    expect(run("restore", at("nowhere"), "two", "--data", node.data)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("holds network"),
    });
  }
});
