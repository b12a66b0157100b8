import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LEDGERS } from "./api/contract.ts";
import { present } from "./base/assert.ts";
import { toHex } from "./base/bytes.ts";
import { type Client, openClient } from "./client/client.ts";
import { keyPairFromSeed } from "./codec/signature.ts";
import { newTransfer } from "./codec/transfer.ts";
import { SEGMENT_BYTES } from "./storage/storage-port.ts";
import { type TestCluster, type TestNode, testCluster } from "./test-cluster.ts";

const owner = keyPairFromSeed(new Uint8Array(32).fill(7));
const PAYER = 1n << 64n;
const PAYEE = PAYER + 1n;
const BALANCE = 1_000_000n;
const PLENTY = 1_000_000_000n;
/** A snapshot at every checkpoint, and a checkpoint every second. */
const OFTEN = { HMN_SNAPSHOT_BLOCKS: "1" };

let folder = "";
let cluster: TestCluster;
let client: Client | undefined;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "hmn-history-"));
  cluster = await testCluster(folder, 4);
});
afterEach(async ({ task }) => {
  client?.close();
  if (task.result?.state === "fail") for (const node of cluster.nodes) console.error(node.log().slice(-3_000));
  await cluster.close();
  rmSync(folder, { recursive: true });
});

const until = <T>(condition: () => Promise<T>): Promise<T> =>
  vi.waitFor(condition, { timeout: 100_000, interval: 100 });
async function json(node: TestNode, path: string): Promise<Record<string, unknown>> {
  const { code, body } = await node.get("api", path, "nobody");
  if (code !== 200) throw new Error(`${path} answered ${code}: ${body}`);
  return JSON.parse(body);
}
const allVote = () =>
  until(async () => {
    for (const node of cluster.nodes) expect(await node.status()).toMatchObject({ state: "Voting", ready: true });
  });
const snapshotsOf = ({ data }: TestNode): number[] =>
  readdirSync(data).flatMap((name) => {
    const height = /^snapshot-([0-9]+)\.snap$/.exec(name)?.[1];
    return height === undefined ? [] : [Number(height)];
  });

async function journalOf(node: TestNode): Promise<Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = [];
  for (;;) {
    const { entries, heldFrom } = await json(node, `/v1/journal?limit=100&after=${all.length}`);
    expect(heldFrom).toBe(1);
    if (!Array.isArray(entries) || entries.length === 0) return all;
    all.push(...entries);
  }
}

async function accountOf(node: TestNode, account: bigint): Promise<Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = [];
  for (let before: unknown = 0, more: unknown = true; more === true; ) {
    const page = await json(node, `/v1/accounts/${account}/history?limit=7&before=${before}`);
    if (Array.isArray(page.entries)) all.push(...page.entries);
    ({ next: before, more } = page);
  }
  return all;
}

test("nodes that restart from a snapshot still tell their whole journal, every transfer and every account's history", async () => {
  const { nodes } = cluster;
  for (const node of nodes) node.start(OFTEN);
  await until(() => Promise.all(nodes.map((node) => node.status())));
  await cluster.writeGenesis(
    [PAYER, PAYEE].map((id) => ({
      ...{ id: `${id}`, ownerKey: toHex(owner.publicKey), ledger: LEDGERS.FLX, balance: `${BALANCE}` },
    })),
    { checkpointIntervalMs: 1_000 },
  );
  await allVote();
  client = await openClient({ targets: cluster.targets, ca: cluster.ca, keyPair: owner });
  const paid: bigint[] = [];
  const pay = async (count: number): Promise<void> => {
    for (let left = count; left > 0; left--) {
      const id = present(client, "a client is open").newIds(1);
      const record = newTransfer({ id, debit: PAYER, credit: PAYEE, amount: 3n, ledger: LEDGERS.FLX, code: 1 });
      const result = await present(client, "a client is open").transfer([record], { target: left });
      expect(result).toMatchObject({ type: "committed", failures: [] });
      paid.push(id);
    }
  };
  await pay(20);
  // Both of the kept snapshots are of blocks behind the first payments: what was paid is told by the log alone.
  const payments = (await json(present(nodes[0], "four nodes"), `/v1/transfers/${paid.at(-1)}`)).height;
  await until(async () => {
    for (const node of nodes) {
      expect(snapshotsOf(node).filter((height) => height > Number(payments))).toHaveLength(2);
    }
  });
  await pay(5);
  const [dies, stops] = [present(nodes[0], "four nodes"), present(nodes[1], "four nodes")];
  expect(await dies.end("SIGKILL")).toBe("SIGKILL");
  expect(await stops.end("SIGTERM")).toBe(0);
  for (const node of [dies, stops]) node.start(OFTEN);
  await allVote();
  await pay(5);

  await until(async () => {
    const heights = await Promise.all(nodes.map(async (node) => (await node.status()).height));
    const common = Math.min(...heights);
    const heads = await Promise.all(nodes.map((node) => json(node, `/v1/blocks/${common}`)));
    expect(new Set(heads.map(({ resultsHash }) => resultsHash)).size).toBe(1);
    for (const node of nodes) {
      const journal = await journalOf(node);
      expect(journal.map(({ position }) => position)).toEqual(journal.map((_, index) => index + 1));
      expect(journal.filter(({ kind }) => kind === "transfer").map(({ id }) => id)).toEqual(paid.map(String));
      expect(await accountOf(node, PAYEE)).toEqual(
        journal.filter(({ debit, credit }) => [debit, credit].includes(`${PAYEE}`)).toReversed(),
      );
    }
  });
  const roots = await Promise.all(nodes.map(async (node) => (await node.status()).checkpoint));
  const byHeight = new Map(roots.map(({ height, stateRoot }) => [height, stateRoot]));
  for (const { height, stateRoot } of roots) expect(byHeight.get(height)).toBe(stateRoot);
  const { height: last } = await json(present(nodes[1], "four nodes"), `/v1/transfers/${paid.at(-1)}`);
  for (const node of nodes) {
    // From disk, across snapshots and restarts.
    for (const [at, credits] of [
      [Number(payments), 60],
      [Number(last), 90],
      [Number(last) - 1, 87],
      [0, 0],
    ] as const)
      expect(await json(node, `/v1/accounts/${PAYEE}/balances?height=${at}`)).toMatchObject({
        creditsPosted: `${BALANCE + BigInt(credits)}`,
      });
    for (const id of paid) expect(await json(node, `/v1/transfers/${id}`)).toMatchObject({ amount: "3" });
    expect(await node.get("api", "/v1/transfers/5", "nobody")).toMatchObject({ code: 404 });
    expect(node.log()).not.toMatch(/"level":(50|60)/);
  }
}, 280_000);

test("nodes that let go of old blocks stay small, and one whose volume is emptied begins from their snapshot", async () => {
  const { nodes } = cluster;
  const setting = { ...OFTEN, HMN_ARCHIVE: "false" };
  for (const node of nodes) node.start(setting);
  await until(() => Promise.all(nodes.map((node) => node.status())));
  await cluster.writeGenesis(
    [PAYER, PAYEE].map((id) => ({
      ...{ id: `${id}`, ownerKey: toHex(owner.publicKey), ledger: LEDGERS.FLX, balance: `${PLENTY}` },
    })),
    { checkpointIntervalMs: 1_000, epochLengthMs: 10_000 },
  );
  await allVote();
  client = await openClient({ targets: cluster.targets, ca: cluster.ca, keyPair: owner });
  // More than a segment of the log, which is the least that can go.
  let paid = 0n;
  const pay = async (): Promise<void> => {
    const records = Array.from({ length: 8_000 }, () => {
      const id = present(client, "a client is open").newIds(1);
      return newTransfer({ id, debit: PAYER, credit: PAYEE, amount: 1n, ledger: LEDGERS.FLX, code: 1 });
    });
    const target = Number(paid / 8_000n) % 3;
    expect(await present(client, "a client is open").transfer(records, { target })).toMatchObject({
      type: "committed",
      failures: [],
    });
    paid += 8_000n;
  };
  const heldFrom = async (node: TestNode) => Number((await json(node, "/v1/journal?limit=1")).heldFrom);
  const [first, , , emptied] = nodes;
  if (first === undefined || emptied === undefined) throw new Error("four nodes");
  for (let left = SEGMENT_BYTES; left > 0; left -= 8_000 * 128) await pay();
  await until(async () => {
    await pay();
    for (const node of nodes) expect(await heldFrom(node)).toBeGreaterThan(1);
  });
  const before = await emptied.status();
  await emptied.end("SIGKILL");
  rmSync(emptied.data, { recursive: true });
  emptied.start(setting);
  // It follows with a key of its own that is nobody's; there is no way from the genesis any more.
  await until(async () => {
    await pay();
    const now = await emptied.status();
    expect(now).toMatchObject({ state: "Following", role: "Observer", ready: true });
    expect(now.publicKey).not.toBe(before.publicKey);
    expect(now.height).toBeGreaterThan(before.height);
    expect(now.trustAnchor).toBeDefined();
  });
  expect(await heldFrom(emptied)).toBeGreaterThan(1);
  await until(async () => {
    const { height } = await emptied.status();
    const [here, there] = await Promise.all([emptied, first].map((node) => json(node, `/v1/blocks/${height}`)));
    expect(here?.resultsHash).toBe(there?.resultsHash);
    expect(await json(emptied, `/v1/accounts/${PAYEE}`)).toMatchObject({ creditsPosted: `${PLENTY + paid}` });
  });
  for (const node of nodes) expect(node.log()).not.toMatch(/"level":(50|60)/);
}, 280_000);
