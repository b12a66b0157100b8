import { z } from "zod";
import { assert, present } from "../base/assert.ts";
import type { TestNode } from "../test-cluster.ts";
import { type BenchCluster, untilAll } from "./cluster.ts";

const decimal = z.string().regex(/^-?[0-9]+$/);
const totalsSchema = z.object({
  totals: z.record(
    z.string(),
    z.object({
      issued: decimal,
      burned: decimal,
      held: decimal,
      debitsPosted: decimal,
      creditsPosted: decimal,
    }),
  ),
});
const headSchema = z.object({ height: z.number(), resultsHash: z.string(), stateRoot: z.string().optional() });
type Head = z.output<typeof headSchema>;

/** Checks every validator after a load: throws with what is wrong. */
export async function checkAll(cluster: BenchCluster): Promise<void> {
  const { nodes } = cluster.test;
  await untilTogether(nodes);
  for (const node of nodes) await checkConserved(node);
  await checkEqual(nodes);
}

/** Nothing was made or lost: of each token exists what was issued and not burned, and each debit has its credit. */
async function checkConserved(node: TestNode): Promise<void> {
  const { totals } = totalsSchema.parse(await read(node, "/v1/totals"));
  for (const [token, sums] of Object.entries(totals)) {
    const { issued, burned, held, debitsPosted, creditsPosted } = sums;
    const conserved = BigInt(held) === BigInt(issued) - BigInt(burned) && debitsPosted === creditsPosted;
    if (!conserved) throw new Error(`validator ${node.id} does not conserve ${token}: ${JSON.stringify(sums)}`);
  }
}

/** All have the same results up to the height that the slowest has reached. */
async function checkEqual(nodes: readonly TestNode[]): Promise<void> {
  const heights = await Promise.all(nodes.map(async (node) => (await node.status()).height));
  const common = Math.min(...heights);
  const heads = await Promise.all(nodes.map((node) => headOf(node, common)));
  const hashes = new Set(heads.map(({ resultsHash }) => resultsHash));
  if (hashes.size !== 1) throw new Error(`the validators differ at height ${common}: ${JSON.stringify(heads)}`);
}

export type Replay = { readonly seconds: number; readonly height: number };

/** Restarts a validator: what it makes of its own log is what the others have. */
export async function checkReplay(cluster: BenchCluster, node: TestNode): Promise<Replay> {
  const { height } = await node.status();
  const other = present(
    cluster.test.nodes.find(({ id }) => id !== node.id),
    "there are other validators",
  );
  await untilAll([other], (status) => status.height >= height);
  const before = await headOf(other, height);
  await node.end("SIGTERM");
  const startedMs = Date.now();
  cluster.start(node);
  await untilAll([node], (status) => status.height >= height);
  const seconds = (Date.now() - startedMs) / 1_000;
  const after = await headOf(node, height);
  assert(before.height === after.height, "the same height was asked for");
  if (before.resultsHash !== after.resultsHash || before.stateRoot !== after.stateRoot)
    throw new Error(`replay gives another root at height ${height}: ${JSON.stringify({ before, after })}`);
  await cluster.ready();
  return { seconds, height };
}

/** The newest blocks of all are executed everywhere: nobody lags behind. */
async function untilTogether(nodes: readonly TestNode[]): Promise<void> {
  const heights = await Promise.all(nodes.map(async (node) => (await node.status()).height));
  const highest = Math.max(...heights);
  await untilAll(nodes, ({ height }) => height >= highest);
}

const headOf = async (node: TestNode, height: number): Promise<Head> =>
  headSchema.parse(await read(node, `/v1/blocks/${height}`));

async function read(node: TestNode, path: string): Promise<unknown> {
  const { code, body } = await node.get("api", path, "nobody");
  if (code !== 200) throw new Error(`${path} of validator ${node.id} answered ${code}: ${body}`);
  return JSON.parse(body);
}
