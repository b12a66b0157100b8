import { afterEach, expect, test } from "vitest";
import { present } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import { accountOf, type Chain, chainId, heightOf } from "../chain/chain.ts";
import { keyOf, TREASURY, testChain } from "../chain/test-genesis.ts";
import { transferOf } from "../chain/test-journal.ts";
import { accountFlags } from "../codec/account.ts";
import { newTransfer } from "../codec/transfer.ts";
import { ACCOUNT_FEE, TOKENS } from "../ledger/tokens.ts";
import { testAuthority } from "../transport/test-authority.ts";
import { type Client, type NewAccount, openClient, type SendResult } from "./client.ts";
import type { Target } from "./connection.ts";
import { type Behaviour, executeAlone, type TestServer, testServer } from "./test-server.ts";

const authority = await testAuthority();
const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end();
});

const chainNow = (): Chain => testChain({ timeNs: `${Date.now() - 1_000}000000` });
const payeeId = TREASURY + 100n;
const payee: NewAccount = {
  id: payeeId,
  payer: TREASURY,
  userData128: 0n,
  userData64: 0n,
  userData32: 0,
  ledger: TOKENS.FLX,
  code: 1,
  flags: accountFlags.debitsMustNotExceedCredits,
  owner: keyOf("payee"),
};

async function node(
  chain: Chain,
  id: number,
  behaviour?: Behaviour,
  name = `${id}.test`,
): Promise<Target & { server: TestServer }> {
  const server = await testServer({
    chain,
    material: await authority.issue(name),
    ...(behaviour === undefined ? {} : { behaviour }),
  });
  ending.push(() => server.close());
  return { host: "127.0.0.1", port: server.port, servername: `${id}.test`, server };
}

async function client(targets: readonly Target[], requestTimeoutMs = 5_000, signal?: AbortSignal): Promise<Client> {
  const opened = await openClient({
    targets,
    ca: authority.ca,
    keyPair: keyOf("treasury"),
    requestTimeoutMs,
    ...(signal === undefined ? {} : { signal }),
  });
  ending.push(() => opened.close());
  return opened;
}

const pay = (id: bigint, amount: bigint, to = payeeId) =>
  newTransfer({ id, debit: TREASURY, credit: to, amount, ledger: TOKENS.FLX, code: 1 });
const committed = (result: SendResult) => {
  expect(result).toMatchObject({ type: "committed" });
  return present(result.type === "committed" ? result : undefined, "committed");
};

test("opens accounts, pays, and names each refused transfer with its code", async () => {
  const chain = chainNow();
  const treasury = await client([await node(chain, 0)]);
  expect(committed(await treasury.createAccounts([payee])).failures).toEqual([]);
  expect(committed(await treasury.createAccounts([payee])).failures).toEqual([]);
  const first = treasury.newIds(3);
  const result = await treasury.transfer([
    pay(first, 7n),
    pay(first + 1n, 1n, payeeId + 1n),
    pay(first + 2n, 10n ** 15n),
  ]);
  expect(committed(result).failures).toEqual([
    { index: 1, code: "credit_account_not_found" },
    { index: 2, code: "exceeds_credits" },
  ]);
  expect(accountOf(chain, payeeId)).toMatchObject({ creditsPosted: 7n, owner: toHex(payee.owner.publicKey) });
  expect(accountOf(chain, TREASURY)?.debitsPosted).toBe(7n + ACCOUNT_FEE);
});

test("another key's signature does not debit an account", async () => {
  const chain = chainNow();
  const treasury = await client([await node(chain, 0)]);
  await treasury.createAccounts([payee]);
  const result = await treasury.transfer([pay(treasury.newIds(1), 5n)], { keyPair: keyOf("thief") });
  expect(committed(result).failures).toEqual([{ index: 0, code: "signer_not_owner" }]);
});

test("an answer lost with the connection is asked for again elsewhere, and the batch is executed once", async () => {
  const chain = chainNow();
  const seen: string[] = [];
  const losesAnswers: Behaviour = ({ batch, answer }) => {
    seen.push(toHex(batch));
    answer();
    return "disconnect";
  };
  const remembers: Behaviour = ({ batch, answer }) => {
    seen.push(toHex(batch));
    return answer();
  };
  const treasury = await client([await node(chain, 0), await node(chain, 1)]);
  await treasury.createAccounts([payee]);
  treasury.close();
  const before = heightOf(chain);
  const second = await client([await node(chain, 0, losesAnswers), await node(chain, 1, remembers)]);
  await expect.poll(() => second.connected()).toEqual([0, 1]);
  const id = second.newIds(1);
  const result = committed(await second.transfer([pay(id, 5n)], { target: 0 }));
  expect(result.failures).toEqual([]);
  expect(heightOf(chain)).toBe(before + 1);
  expect(transferOf(chain, id)?.height).toBe(result.height);
  expect(seen).toEqual([seen[0], seen[0]]);
});

test("a silent node costs one timeout, then the same batch goes to the next one", async () => {
  const chain = chainNow();
  let asked = 0;
  const silent: Behaviour = () => {
    asked += 1;
    return "silence";
  };
  const treasury = await client([await node(chain, 0, silent), await node(chain, 1)], 200);
  await expect.poll(() => treasury.connected()).toEqual([0, 1]);
  expect(committed(await treasury.createAccounts([payee], { target: 0 }))).toMatchObject({ failures: [], target: 1 });
  expect(asked).toBe(1);
});

test("retries what may be retried and gives up on what may not", async () => {
  const chain = chainNow();
  let refusals = 0;
  const busyTwice: Behaviour = ({ answer }) => {
    refusals += 1;
    return refusals <= 2 ? { type: "refused", reason: "busy", retryable: true } : answer();
  };
  const patient = await client([await node(chain, 0, busyTwice)]);
  committed(await patient.createAccounts([payee]));
  expect(refusals).toBe(3);
  const refused = await client([await node(chain, 0, () => ({ type: "refused", reason: "no", retryable: false }))]);
  expect(await refused.createAccounts([payee])).toEqual({ type: "refused", reason: "no" });
});

test("an expired batch is signed anew with the same ids", async () => {
  const chain = chainNow();
  let first = true;
  const lateOnce: Behaviour = ({ batch, answer }) => {
    if (!first) return answer();
    first = false;
    // Executed, but the answer says expired, as after a long silence.
    executeAlone(chain, batch);
    return { type: "refused", reason: "expired", retryable: false };
  };
  const treasury = await client([await node(chain, 0)]);
  await treasury.createAccounts([payee]);
  const late = await client([await node(chain, 0, lateOnce)]);
  const before = accountOf(chain, payeeId)?.creditsPosted ?? 0n;
  expect(committed(await late.transfer([pay(late.newIds(1), 9n)])).failures).toEqual([]);
  expect(accountOf(chain, payeeId)?.creditsPosted).toBe(before + 9n);
});

test("a node whose certificate has another name is not talked to", async () => {
  const impostor = await node(chainNow(), 1, undefined, "7.test");
  const giveUp = new AbortController();
  const opening = client([impostor], 5_000, giveUp.signal);
  const refused = expect(opening).rejects.toThrow(/1\.test at .*does not match certificate's altnames/);
  // The second connection shows that the first one has failed.
  await expect.poll(() => impostor.server.connections()).toBeGreaterThan(1);
  giveUp.abort();
  await refused;
});

test("a node of another network is not talked to", async () => {
  const chain = chainNow();
  const other = testChain({ network: "other" });
  const foreign = await node(other, 0);
  const treasury = await openClient({
    targets: [foreign, await node(chain, 1)],
    ca: authority.ca,
    keyPair: keyOf("treasury"),
    chainId: chainId(chain),
  });
  ending.push(() => treasury.close());
  await expect.poll(() => foreign.server.connections()).toBeGreaterThan(0);
  expect(committed(await treasury.createAccounts([payee], { target: 0 })).target).toBe(1);
  expect(heightOf(other)).toBe(0);
});

test("aborting answers unknown for what was sent", async () => {
  const chain = chainNow();
  const abort = new AbortController();
  let sent = false;
  const silent: Behaviour = () => {
    sent = true;
    return "silence";
  };
  const treasury = await client([await node(chain, 0, silent)]);
  const result = treasury.createAccounts([payee], { signal: abort.signal });
  await expect.poll(() => sent).toBe(true);
  abort.abort();
  expect(await result).toMatchObject({ type: "unknown" });
});
