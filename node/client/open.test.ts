import { afterEach, expect, test } from "vitest";
import type { Chain } from "../chain/chain.ts";
import { keyOf, publicKeyOf, TREASURY, testChain } from "../chain/test-genesis.ts";
import { transferOf } from "../chain/test-journal.ts";
import { newTransfer, type Transfer } from "../codec/transfer.ts";
import { testAuthority } from "../transport/test-authority.ts";
import { type HmnClient, type NodeAddress, type OpenOptions, open, type Progress } from "./index.ts";
import { type TestNode, testNode } from "./test-node.ts";
import { type Behaviour, executeAlone } from "./test-server.ts";

const authority = await testAuthority();
const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end();
});

const PAYEE = TREASURY + 1n;
const chainNow = (): Chain =>
  testChain({
    timeNs: `${Date.now() - 1_000}000000`,
    accounts: [TREASURY, PAYEE].map((id) => ({
      ...{ id: `${id}`, ownerKey: publicKeyOf("treasury"), ledger: 1, balance: "1000000" },
    })),
  });

async function node(validator: number, chain: Chain, behaviour?: Behaviour): Promise<TestNode> {
  const material = await authority.issue(`${validator}.test`);
  const made = await testNode({ validator, chain, material, ...(behaviour === undefined ? {} : { behaviour }) });
  ending.push(() => made.close());
  return made;
}
async function client(nodes: readonly NodeAddress[], options: Partial<OpenOptions> = {}): Promise<HmnClient> {
  const opened = await open({ network: "test", nodes, ca: authority.ca, key: keyOf("treasury"), ...options });
  ending.push(() => opened.close());
  return opened;
}
const addresses = (nodes: readonly TestNode[]): NodeAddress[] => nodes.map(({ address }) => address);
const pay = (id: bigint, amount = 1n, changes: Partial<Transfer> = {}): Transfer =>
  newTransfer({ id, debit: TREASURY, credit: PAYEE, amount, ledger: 1, code: 1, ...changes });

/** A network of four: each batch is executed once, on the chain that all share, and every node answers alike but the named ones. */
async function four(chain: Chain, others: Readonly<Record<number, Behaviour>> = {}): Promise<TestNode[]> {
  const nodes: TestNode[] = [];
  for (const validator of [0, 1, 2, 3]) nodes.push(await node(validator, chain, others[validator]));
  return nodes;
}

test("sends, and looks up accounts, transfers, history pages, totals, status and validators", async () => {
  const hmn = await client([(await node(0, chainNow())).address]);
  expect(hmn.connected()).toEqual([0]);
  const first = hmn.newIds(3);
  const batch = [pay(first, 7n), pay(first + 1n, 1n, { credit: 5n }), pay(first + 2n, 3n)];
  const sent = await hmn.createTransfers(batch);
  expect(sent).toMatchObject({ type: "committed", failures: [{ index: 1, code: "credit_account_not_found" }] });
  expect(await hmn.account(PAYEE)).toMatchObject({
    id: PAYEE,
    creditsPosted: 1_000_010n,
    owner: publicKeyOf("treasury"),
  });
  expect(await hmn.account(99n << 64n)).toBeUndefined();
  expect(await hmn.transfer(first)).toMatchObject({ amount: 7n, record: { id: first } });
  expect(await hmn.transfer(first + 1n)).toBeUndefined();
  const seen: bigint[] = [];
  for (let before: number | undefined = 0; before !== undefined; ) {
    const page = await hmn.history(PAYEE, { before, limit: 1 });
    seen.push(...(page?.entries ?? []).map(({ amount }) => amount));
    before = page?.more ? page.next : undefined;
  }
  expect(seen).toEqual([3n, 7n, 1_000_000n]);
  expect(await hmn.balancesAt(PAYEE, 1)).toMatchObject({ height: 1, creditsPosted: 1_000_010n });
  expect(await hmn.balancesAt(PAYEE, 0)).toMatchObject({ creditsPosted: 1_000_000n });
  const { parameters } = await hmn.parameters();
  expect(parameters.find(({ name }) => name === "accountFee")).toMatchObject({
    value: 10_000n,
    min: 1n,
    stepMax: 5_000n,
  });
  expect((await hmn.accounts({ after: TREASURY, limit: 5 })).accounts.map(({ id }) => id)).toEqual([PAYEE]);
  expect((await hmn.totals()).totals.FLX.held).toBe(2_000_000n);
  expect(await hmn.status()).toMatchObject({ network: "test", height: 1 });
  expect((await hmn.validators()).validators).toHaveLength(4);
  await expect(hmn.accounts({ limit: 5_000 })).rejects.toThrow("limit: from 1 to 1000");
});

test("look-ups go to the next node when one does not answer, and reject when none does", async () => {
  const [zero, one] = [await node(0, chainNow()), await node(1, chainNow())];
  const hmn = await client([{ ...zero.address, apiPort: 1 }, one.address]);
  expect(await hmn.account(PAYEE)).toMatchObject({ id: PAYEE });
  const lost = await client([{ ...zero.address, apiPort: 1 }]);
  await expect(lost.account(PAYEE)).rejects.toThrow(/no node answers .*0\.test/);
  await expect(lost.account(PAYEE, { signal: AbortSignal.abort() })).rejects.toThrow("aborted");
});

test("a quorum confirms what an honest node said, and the batch is executed once", async () => {
  const chain = chainNow();
  const hmn = await client(addresses(await four(chain)));
  await expect.poll(() => hmn.connected()).toEqual([0, 1, 2, 3]);
  const id = hmn.newIds(1);
  expect(await hmn.createTransfers([pay(id, 5n)], { confirm: "quorum" })).toMatchObject({
    type: "committed",
    failures: [],
  });
  expect((await hmn.account(PAYEE))?.creditsPosted).toBe(1_000_005n);
});

test("a node that lies about the result is outvoted, whichever way it lies", async () => {
  for (const lie of [
    { type: "committed", height: 1, outcome: { failures: [], count: 1 } },
    { type: "refused", reason: "signature_invalid", retryable: false },
  ] as const) {
    const chain = chainNow();
    const hmn = await client(addresses(await four(chain, { 0: () => lie })));
    await expect.poll(() => hmn.connected()).toEqual([0, 1, 2, 3]);
    const overdraft = pay(hmn.newIds(1), 5n, { credit: 7n });
    // Its word alone is believed, where one node's word is enough.
    const alone = await hmn.createTransfers([overdraft], { target: 0 });
    expect(alone).toMatchObject(lie.type === "committed" ? { failures: [] } : { type: "refused" });
    const confirmed = await hmn.createTransfers([overdraft], { target: 0, confirm: "quorum" });
    expect(confirmed).toMatchObject({ type: "committed", failures: [{ index: 0, code: "credit_account_not_found" }] });
  }
});

test("without equal words of more than a third of the weight the result is unknown, and says who said what", async () => {
  const chain = chainNow();
  const nodes = await four(chain, { 1: () => "silence", 2: () => "silence", 3: () => "silence" });
  const hmn = await client(addresses(nodes), { confirmTimeoutMs: 300, requestTimeoutMs: 100 });
  const result = await hmn.createTransfers([pay(hmn.newIds(1))], { confirm: "quorum", target: 0 });
  expect(result).toMatchObject({
    type: "unknown",
    reason: expect.stringMatching(/\d+ of \d+ say committed in block 1/),
  });
});

test("weights come from the caller, or from a majority of the nodes, never from one of them", async () => {
  const chain = chainNow();
  // This node claims a network of its own, in which it alone has nearly all the weight.
  const validators = [0, 1, 2, 3].map((id) => ({
    ...{ id, consensusKey: publicKeyOf(`consensus ${id}`), ownerKey: publicKeyOf(`owner ${id}`) },
    bond: id === 0 ? "100000000000" : "1000000",
  }));
  const liar = await node(0, testChain({ timeNs: `${Date.now()}000000`, validators }), ({ batch }) =>
    executeAlone(chain, batch),
  );
  const honest = await node(1, chain);
  const apart = await client([liar.address, honest.address], { requestTimeoutMs: 200 });
  await expect.poll(() => apart.connected().length).toBeGreaterThan(0);
  const torn = await apart.createTransfers([pay(apart.newIds(1))], { confirm: "quorum" });
  expect(torn).toMatchObject({ type: "unknown", reason: expect.stringContaining("no majority the same") });
  const weights = new Map([0, 1, 2, 3].map((id) => [id, 10]));
  const alone = await client([honest.address], { weights, confirmTimeoutMs: 200 });
  // 10 of 40 is no more than a third.
  expect(await alone.createTransfers([pay(alone.newIds(1))], { confirm: "quorum" })).toMatchObject({ type: "unknown" });
  await expect(client([honest.address, honest.address])).rejects.toThrow("named once");
  await expect(client([])).rejects.toThrow("at least one");
});

test("a long load: batches in parallel, backpressure on its source, progress, and every batch told", async () => {
  const chain = chainNow();
  let waiting = 0;
  let most = 0;
  const counts: Behaviour = ({ answer }) => {
    most = Math.max(most, ++waiting);
    return answer();
  };
  const hmn = await client([(await node(0, chain, counts)).address], { connectionsPerNode: 2 });
  const first = hmn.newIds(1_000);
  let pulled = 0;
  let told = 0;
  async function* source(): AsyncGenerator<Transfer> {
    for (let index = 0n; index < 1_000n; index++) {
      pulled += 1;
      // No further than what is told, three batches under way and the one that is filled.
      expect(pulled).toBeLessThanOrEqual(told + 4 * 50);
      yield pay(first + index, index % 100n === 0n ? 10n ** 30n : 1n);
    }
  }
  const progress: Progress[] = [];
  const end = await hmn.createAllTransfers(source(), {
    batch: 50,
    inFlight: 3,
    onBatch: (transfers) => {
      told += transfers.length;
      waiting -= 1;
    },
    onProgress: (now) => progress.push(now),
  });
  expect(end).toMatchObject({ sent: 1_000, applied: 990, failed: 10, refused: 0, unknown: 0 });
  expect(progress).toHaveLength(20);
  expect(progress.at(-1)).toMatchObject({ applied: 990, failed: 10 });
  expect(most).toBeLessThanOrEqual(3);
});

test("a long load ends with its source's error, its caller's error, or the signal, and leaves nothing running", async () => {
  const hmn = await client([(await node(0, chainNow())).address]);
  const endless = function* (): Generator<Transfer> {
    for (let id = hmn.newIds(1); ; id++) yield pay(id);
  };
  const broken = function* (): Generator<Transfer> {
    yield pay(hmn.newIds(1));
    throw new Error("source broken");
  };
  await expect(hmn.createAllTransfers(broken())).rejects.toThrow("source broken");
  const onBatch = (): void => {
    throw new Error("caller broken");
  };
  await expect(hmn.createAllTransfers(endless(), { batch: 10, onBatch })).rejects.toThrow("caller broken");
  const abort = new AbortController();
  const ended = await hmn.createAllTransfers(endless(), {
    batch: 10,
    signal: abort.signal,
    onProgress: ({ applied }) => applied >= 50 && abort.abort(),
  });
  expect(ended.sent).toBe(ended.applied + ended.unknown + ended.refused);
});

test("the last word about what ended unknown: applied, or never once its window is past", async () => {
  const chain = chainNow();
  let loses = true;
  const losesOne: Behaviour = ({ answer }) => {
    if (!loses) return answer();
    loses = false;
    answer();
    return "silence";
  };
  const abort = new AbortController();
  const hmn = await client([(await node(0, chain, losesOne)).address], { requestTimeoutMs: 60_000 });
  const id = hmn.newIds(1);
  const sending = hmn.createTransfers([pay(id)], { signal: abort.signal });
  await expect.poll(() => transferOf(chain, id)).toBeDefined();
  abort.abort();
  expect(await sending).toMatchObject({ type: "unknown" });
  // An id of eleven minutes ago that no block holds.
  const old = BigInt(Date.now() - 660_000) << 80n;
  expect(await hmn.settle([id, old])).toEqual(
    new Map([
      [id, "applied"],
      [old, "never"],
    ]),
  );
  // One that may still come is waited for.
  const soon = AbortSignal.timeout(200);
  await expect(hmn.settle([hmn.newIds(1)], { signal: soon })).rejects.toThrow();
});
