import { afterEach, expect, test } from "vitest";
import { toHex } from "../base/bytes.ts";
import { MAIN } from "../test-cluster.ts";
import { checkAll, checkReplay } from "./checks.ts";
import { type BenchCluster, SEED, startCluster, TREASURY } from "./cluster.ts";
import type { LoadPlan } from "./generator-api.ts";
import { type Generator, startGenerator } from "./generator-process.ts";
import { memoryPerMillion, stagesUnder } from "./inside.ts";

const ending: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end();
});

async function start(): Promise<{ cluster: BenchCluster; generator: Generator }> {
  const cluster = await startCluster(MAIN, stagesUnder.nodeOptions);
  ending.push(cluster.close);
  const generator = startGenerator();
  ending.push(generator.close);
  await generator.setUp({
    ...{ targets: cluster.test.targets, ca: cluster.test.ca, seed: toHex(SEED), treasury: TREASURY.toString() },
    ...{ accounts: 12, owners: 3 },
  });
  return { cluster, generator };
}

const mixed = (cluster: BenchCluster, pace: LoadPlan["pace"]): LoadPlan => ({
  ...{ pace, batch: 10, spread: "zipf", mixed: true, warmMs: 200, measureMs: 2_000 },
  pids: cluster.pids(),
});

test("good and bad batches get what they have to get, in both loops, and the books of all validators agree", async () => {
  const { cluster, generator } = await start();
  const closed = await generator.run(mixed(cluster, { outstanding: 24 }));
  expect([closed.errors, closed.firstError]).toEqual([0, ""]);
  expect(closed.transfers).toBeGreaterThan(0);
  expect(closed.cpu).toHaveLength(4);
  const open = await generator.run(mixed(cluster, { perSecond: 40 }));
  expect([open.errors, open.firstError]).toEqual([0, ""]);
  expect(open.latencyMs.p50).toBeGreaterThan(0);
  expect(open.latencyMs.p99).toBeGreaterThanOrEqual(open.latencyMs.p50);
  await checkAll(cluster);
  const [first] = cluster.test.nodes;
  if (first === undefined) throw new Error("there are four validators");
  expect((await checkReplay(cluster, first)).height).toBeGreaterThan(0);
  await checkAll(cluster);
}, 240_000);

test("looks into the validators: memory without garbage, and CPU by room while a load runs", async () => {
  const { cluster, generator } = await start();
  expect(await memoryPerMillion.resident(cluster)).toBeGreaterThan(20);
  const { rooms, files } = await stagesUnder.load(cluster, async () => {
    await generator.run(mixed(cluster, { outstanding: 24 }));
  });
  expect([...rooms.keys()]).toEqual(expect.arrayContaining(["node/chain", "node/codec", "node/ledger"]));
  expect([...files.keys()].some((file) => file.startsWith("node/codec/"))).toBe(true);
  expect(rooms.has("(idle)")).toBe(false);
}, 240_000);
