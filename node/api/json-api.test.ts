import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { ClientRequest, IncomingMessage } from "node:http";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { refuse } from "../base/result.ts";
import { type Chain, chainId, heightOf } from "../chain/chain.ts";
import { keyOf, TREASURY, testChain } from "../chain/test-genesis.ts";
import { executeAlone } from "../client/test-server.ts";
import { BATCH_BYTES_MAX, encodeBatch } from "../codec/batch.ts";
import { encodeTransfers, newTransfer } from "../codec/transfer.ts";
import type { ClientAnswer } from "../ports.ts";
import { type Credentials, watchCredentials } from "../transport/credentials.ts";
import { type TestAuthority, testAuthority, writeMaterial } from "../transport/test-authority.ts";
import { UNLIMITED } from "./allowance.ts";
import type { NodeStatus } from "./contract.ts";
import { type Intake, startIntake } from "./intake.ts";
import { type JsonApi, type JsonApiOptions, startJsonApi } from "./json-api.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { ROUTES } from "./routes.ts";
import { testJournal } from "./test-journal.ts";
import { testMemory } from "./test-memory.ts";
import { checkAnswer, type OpenApiDocument, parseOpenApi } from "./test-openapi.ts";

const SERVERNAME = "0.test";
let folder = "";
let authority: TestAuthority;
let credentials: Credentials;
let chain: Chain;
let metrics: Metrics;
let intake: Intake;
let api: JsonApi;
/** What the node says to a batch; undefined: nothing, ever. */
let say: (batch: Uint8Array) => ClientAnswer | undefined;
const cleanups: (() => unknown)[] = [];
const log = pino({ level: "silent" });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "hmn-api-"));
  authority = await testAuthority();
  writeMaterial(folder, await authority.issue(SERVERNAME));
  credentials = watchCredentials(folder, () => {});
  chain = testChain({ timeNs: `${Date.now() - 1_000}000000` });
  metrics = createMetrics();
  say = (batch) => executeAlone(chain, batch);
  api = await start();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  credentials.close();
  rmSync(folder, { recursive: true });
});

async function start(options: Partial<JsonApiOptions> = {}): Promise<JsonApi> {
  intake = startIntake({
    ...{ metrics, allowance: UNLIMITED, slowMs: 0, log },
    height: () => heightOf(chain),
    submit: (number, batch) => {
      const answer = say(batch);
      // As the engine does: the answer comes in a later turn.
      if (answer !== undefined) setImmediate(() => intake.answer(number, answer));
      return undefined;
    },
  });
  const opened = await startJsonApi({
    listen: { host: "127.0.0.1", port: 0 },
    ...{ credentials, intake, metrics, version: "1.2.3", log, status, chain: () => chain },
    journal: testJournal(() => chain),
    prove: () => refuse("not_found"),
    memory: testMemory(chainId(chain)),
    ...options,
  });
  cleanups.push(async () => {
    await opened.close();
    intake.close();
  });
  return opened;
}

const status = (): NodeStatus => ({
  ...{ version: "1.2.3", wireVersion: 1, network: "test", chainId: chainId(chain), validator: 0 },
  ...{ publicKey: "ab".repeat(32), state: "Voting", reason: "", ready: true, role: "Voter" },
  ...{ height: heightOf(chain), certifiedHeight: heightOf(chain), resultsHash: "cd".repeat(32), lastBlockAtMs: 0 },
  checkpoint: { height: 0, stateRoot: "ef".repeat(32) },
  ...{ view: 1, epoch: 1, validators: [{ id: 0, weight: 10, publicKey: "ab".repeat(32) }], connectedPeers: [] },
  finality: null,
  storage: { writable: true, reason: "", freeBytes: 1 },
  coherence: { measured: false, psiPpm: 1, lambdaPpm: 1 },
  ...{ caBundleHash: "00".repeat(32), faults: [] },
});

type Answer = { readonly code: number; readonly body: string };
type Ask = { readonly method?: "get" | "post"; readonly body?: Uint8Array; readonly type?: string };

function open(
  path: string,
  { method = "get", type = "application/octet-stream" }: Ask,
  port = api.port,
): ClientRequest {
  const headers = method === "post" ? { "content-type": type } : {};
  const where = { host: "127.0.0.1", port, servername: SERVERNAME, ca: authority.ca, path, method, headers };
  const call = request({ ...where, agent: false });
  cleanups.push(() => call.destroy());
  return call;
}
async function ask(path: string, how: Ask = {}, port?: number): Promise<Answer> {
  const call = open(path, how, port);
  call.end(how.body);
  const [response]: IncomingMessage[] = await once(call, "response");
  let body = "";
  for await (const chunk of response?.setEncoding("utf8") ?? []) body += chunk;
  return { code: response?.statusCode ?? 0, body };
}
const document = async (): Promise<OpenApiDocument> => parseOpenApi((await ask("/v1/openapi.json")).body);

let sequence = 0n;
const BASE = TREASURY + 50n;
const pay = (amount: bigint, changes: Partial<Parameters<typeof encodeBatch>[0]> = {}): Uint8Array => {
  sequence += 1n;
  const id = (BigInt(Date.now()) << 80n) + sequence;
  const transfer = newTransfer({ id, debit: TREASURY, credit: BASE, amount, ledger: 1, code: 1 });
  return encodeBatch({
    ...{ type: "transfers", payload: encodeTransfers([transfer]), chainId: chainId(chain), keyPair: keyOf("treasury") },
    ...{ stream: 1n, sequence, expiryMs: Date.now() + 60_000 },
    ...changes,
  });
};

test("every route is described, and every answer is as described", async () => {
  const described = await document();
  const operations = Object.entries(described.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  expect(operations).toEqual(ROUTES.map(({ method, path }) => `${method.toLowerCase()} ${path}`));

  // One applied transfer (from the treasury to another of its accounts) and one refused.
  const applied = encodeTransfers([
    newTransfer({
      id: BigInt(Date.now()) << 80n,
      debit: TREASURY,
      credit: BASE - 50n + 7n,
      amount: 1n,
      ledger: 1,
      code: 1,
    }),
  ]);
  const posted = await ask("/v1/batches", { method: "post", body: pay(0n, { payload: applied }) });
  expect(JSON.parse(posted.body)).toMatchObject({
    ...{ type: "committed", height: 1, count: 1 },
    failures: [{ index: 0, code: "credit_account_not_found" }],
  });
  checkAnswer(described, { method: "post", path: "/v1/batches", ...posted });
  const asked: [path: string, code: number, content: object][] = [
    ["/v1/status", 200, { network: "test", height: 1 }],
    ["/v1/totals", 200, { totals: { FLX: { held: "1000000000000" } } }],
    [
      `/v1/accounts?after=${TREASURY - 1n}&limit=2`,
      200,
      { accounts: [{ id: `${TREASURY}` }, { id: `${TREASURY + 1n}` }] },
    ],
    [`/v1/accounts/${TREASURY}`, 200, { ledger: 1, creditsPosted: "1000000000000" }],
    [`/v1/accounts/${TREASURY}/history`, 200, { entries: [{ kind: "issue" }], more: false }],
    [`/v1/accounts/${TREASURY}/balances?height=0`, 200, { height: 0, creditsPosted: "1000000000000" }],
    [`/v1/accounts/${TREASURY}/balances`, 400, { field: "height" }],
    [`/v1/accounts/${TREASURY}/balances?height=2`, 503, { error: expect.stringContaining("executed up to height 1") }],
    [`/v1/accounts/${BASE}/history`, 404, { error: "no such account", field: "id" }],
    ["/v1/journal?limit=2", 200, { entries: [{ position: 1 }, { position: 2 }] }],
    ["/v1/blocks", 200, { height: 1, blocks: [{ height: 1 }] }],
    ["/v1/blocks/0", 200, { height: 0 }],
    ["/v1/blocks/9", 404, { error: "no such block among those whose hashes are kept", field: "height" }],
    [
      "/v1/coherence",
      200,
      {
        measuredEpoch: 0,
        meanPsiPpm: 1_000_000,
        lambdaPpm: 700_000,
        alphaPpm: 1_000_000,
        band: "green",
        mode: "Normal",
      },
    ],
    ["/v1/supply", 200, { tokens: { FLX: { held: "1000000000000", burned: "0" } }, mints: [] }],
    ["/v1/validators", 200, { epoch: 1, validators: [{ id: 0 }, { id: 1 }, { id: 2 }, { id: 3 }] }],
    [
      "/v1/parameters",
      200,
      {
        height: 1,
        epoch: 1,
        parameters: expect.arrayContaining([expect.objectContaining({ name: "accountFee", value: "10000", min: "1" })]),
      },
    ],
    ["/v1/openapi.json", 200, { openapi: "3.1.0", info: { version: "1.2.3" } }],
    ["/v1/transfers/5", 404, { error: "no such transfer" }],
    ["/v1/accounts?limit=0", 400, { error: "limit: from 1 to 1000", field: "limit" }],
    ["/v1/accounts?limits=1", 400, { field: "limits" }],
    ["/v1/status?x=1", 400, { field: "x" }],
    [`/v1/accounts/${1n << 128n}`, 400, { error: "id: at most 2^128 - 1", field: "id" }],
    ["/v1/accounts/7x/history", 400, { field: "id" }],
    [`/v1/proofs/batches/${"ab".repeat(32)}?height=1`, 404, { error: "no such proof of such a batch yet" }],
    ["/v1/proofs/batches/7?height=1", 400, { field: "batch" }],
    ["/v1/blocks/-1", 400, { field: "height" }],
  ];
  for (const [path, code, content] of asked) {
    const answer = await ask(path);
    expect({ path, code: answer.code }).toEqual({ path, code });
    expect(JSON.parse(answer.body), path).toMatchObject(content);
    checkAnswer(described, { path, ...answer });
  }
  // The memory mesh has tests of its own.
  const gets = ROUTES.filter(({ method, answer }) => method === "GET" && answer !== "events")
    .map(({ path }) => path)
    .filter((path) => !path.startsWith("/v1/memory"));
  const seen = (path: string): boolean =>
    asked.some(
      ([used, code]) => code === 200 && new RegExp(`^${path.replaceAll(/{\w+}/g, "[^/?]+")}(\\?|$)`).test(used),
    );
  // The one transfer that there was is refused above; the next test has an applied one. Proofs need a quorum: client/prove.test.ts.
  expect(gets.filter((path) => !seen(path))).toEqual(["/v1/transfers/{id}", "/v1/proofs/batches/{batch}"]);
});

test("a batch by curl: executed once, its repeat gets the stored result, and everything can be looked up", async () => {
  const described = await document();
  const id = (BigInt(Date.now()) << 80n) + 77n;
  const accounts = testChain({
    timeNs: `${Date.now() - 1_000}000000`,
    accounts: [TREASURY, BASE].map((account) => ({
      ...{
        id: `${account}`,
        ownerKey: Buffer.from(keyOf("treasury").publicKey).toString("hex"),
        ledger: 1,
        balance: "1000",
      },
    })),
  });
  chain = accounts;
  const transfer = newTransfer({ id, debit: TREASURY, credit: BASE, amount: 5n, ledger: 1, code: 1 });
  const body = pay(0n, { payload: encodeTransfers([transfer]), chainId: chainId(chain) });
  const first = await ask("/v1/batches", { method: "post", body });
  expect(first).toMatchObject({ code: 200 });
  expect(JSON.parse(first.body)).toMatchObject({ height: 1, failures: [] });
  expect(await ask("/v1/batches", { method: "post", body })).toEqual(first);
  const looked = await ask(`/v1/transfers/${id}`);
  expect(JSON.parse(looked.body)).toMatchObject({ height: 1, amount: "5", record: { id: `${id}` } });
  checkAnswer(described, { path: `/v1/transfers/${id}`, ...looked });
  const history = JSON.parse((await ask(`/v1/accounts/${BASE}/history?limit=1`)).body);
  expect(history).toMatchObject({ entries: [{ kind: "transfer", amount: "5" }], more: true, heldFrom: 1 });
  const next = JSON.parse((await ask(`/v1/accounts/${BASE}/history?limit=1&before=${history.next}`)).body);
  expect(next).toMatchObject({ entries: [{ kind: "issue" }], more: false });
  api = await start({
    journal: { ...testJournal(() => chain), transfer: async () => refuse("elsewhere", "not indexed yet") },
  });
  const elsewhere = await ask(`/v1/transfers/${id}`);
  expect(elsewhere).toMatchObject({ code: 503, body: expect.stringContaining("not indexed yet") });
  checkAnswer(described, { path: `/v1/transfers/${id}`, ...elsewhere });
});

test("what is wrong with a batch is said by code and field", async () => {
  const described = await document();
  const good = pay(1n);
  const flipped = (at: number): Uint8Array => good.map((byte, index) => (index === at ? byte ^ 1 : byte));
  const cases: [body: Uint8Array, code: number, content: object][] = [
    [new Uint8Array(0), 422, { field: "batch", reason: "batch_malformed" }],
    [good.subarray(0, 100), 422, { field: "batch", reason: "batch_malformed" }],
    [flipped(0), 422, { field: "batch" }],
    [flipped(4), 422, { field: "type", reason: "batch_type_unknown" }],
    [flipped(5), 422, { field: "version", reason: "batch_version_unknown" }],
    [flipped(9), 422, { field: "chainId", reason: "wrong_chain" }],
    [flipped(41), 422, { field: "signature", reason: "signature_invalid" }],
    [flipped(129), 422, { field: "signature" }],
    [flipped(200), 422, { field: "payload", reason: "payload_hash_differs" }],
    [pay(1n, { expiryMs: Date.now() - 5_000 }), 422, { field: "expiry", reason: "expired", retryable: false }],
    [pay(1n, { expiryMs: Date.now() + 3_600_000 }), 422, { field: "expiry", reason: "expiry_too_far" }],
    [pay(1n, { chainId: "00".repeat(32) }), 422, { field: "chainId" }],
    [new Uint8Array(BATCH_BYTES_MAX + 1), 413, { field: "body" }],
  ];
  for (const [body, code, content] of cases) {
    const answer = await ask("/v1/batches", { method: "post", body });
    expect(answer.code, answer.body).toBe(code);
    expect(JSON.parse(answer.body)).toMatchObject(content);
    checkAnswer(described, { method: "post", path: "/v1/batches", ...answer });
  }
  const wrongType = await ask("/v1/batches", { method: "post", body: good, type: "application/json" });
  expect(wrongType).toMatchObject({ code: 415, body: expect.stringContaining('"field":"body"') });
  const counted = await metrics.registry.metrics();
  expect(counted).toContain('hmn_client_refusals_total{reason="batch_malformed"} 3');
  expect(counted).toContain('hmn_client_refusals_total{reason="signature_invalid"} 2');
  // The server is well: the good batch is taken after all that.
  expect(await ask("/v1/batches", { method: "post", body: good })).toMatchObject({ code: 200 });
  for (const path of ["/v2", "/v1/accounts/"])
    expect(await ask(path)).toMatchObject({ code: path === "/v2" ? 404 : 400 });
  const undecodable = await ask("/v1/accounts/%E0%A4%A");
  expect(undecodable).toMatchObject({ code: 400, body: expect.stringContaining('"field":"path"') });
  expect(await ask("/v1/status", { method: "post", body: good })).toMatchObject({ code: 404 });
});

test("refusals that may pass have codes of their own, and a caller that hangs up is forgotten", async () => {
  const described = await document();
  for (const [reason, code] of [
    ["busy", 429],
    ["over_allowance", 429],
    ["stopping", 503],
  ] as const) {
    say = () => ({ type: "refused", reason, retryable: true });
    const answer = await ask("/v1/batches", { method: "post", body: pay(1n) });
    expect(answer.code).toBe(code);
    expect(JSON.parse(answer.body)).toMatchObject({ reason, retryable: true });
    checkAnswer(described, { method: "post", path: "/v1/batches", ...answer });
  }
  say = () => undefined;
  const silent = ask("/v1/batches", { method: "post", body: pay(1n) });
  await expect.poll(() => intake.outstanding()).toBe(1);
  // As when the disk takes no writes: what becomes of it is unknown.
  intake.dropAll();
  const answer = await silent;
  expect(answer).toMatchObject({ code: 504, body: expect.stringContaining("same bytes again") });
  checkAnswer(described, { method: "post", path: "/v1/batches", ...answer });
  const left = open("/v1/batches", { method: "post" });
  left.on("error", () => {});
  left.end(pay(1n));
  await expect.poll(() => intake.outstanding()).toBe(1);
  left.destroy();
  await expect.poll(() => intake.outstanding()).toBe(0);
});

test("events: every block with its height as id, heartbeats, and only so many listeners", async () => {
  const listen = async (): Promise<{ text: () => string; response: IncomingMessage }> => {
    const call = open("/v1/events", {});
    call.end();
    const [response] = await once(call, "response");
    let text = "";
    response.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    response.on("error", () => {});
    return { text: () => text, response };
  };
  const first = await listen();
  expect(first.response.headers["content-type"]).toBe("text/event-stream");
  api.blockExecuted({ height: 7, applied: 3, resultsHash: "ab" });
  await expect
    .poll(() => first.text())
    .toContain('id: 7\nevent: block\ndata: {"height":7,"applied":3,"resultsHash":"ab"}\n\n');
  await expect.poll(() => first.text()).toContain(": heartbeat\n\n");
  const others = await Promise.all(Array.from({ length: 31 }, listen));
  expect(await ask("/v1/events")).toMatchObject({ code: 503 });
  others[0]?.response.destroy();
  await expect.poll(async () => (await listen()).response.statusCode).toBe(200);
  api.blockExecuted({ height: 8, applied: 0, resultsHash: "cd" });
  for (const { text } of [first, ...others.slice(1)]) await expect.poll(() => text()).toContain("id: 8\n");
});

test("slow requests and too many connections hold no place", async () => {
  const small = await start({
    connections: { total: 3, perAddress: 2 },
    timing: { requestMs: 400, idleMs: 5_000, lookMs: 50 },
  });
  const raw = () => {
    const socket = connect({ host: "127.0.0.1", port: small.port, servername: SERVERNAME, ca: authority.ca });
    socket.on("error", () => {});
    socket.resume();
    cleanups.push(() => socket.destroy());
    return socket;
  };
  const slow = [raw(), raw()];
  for (const socket of slow) await once(socket, "secureConnect");
  slow[0]?.write("GET /v1/status HTT");
  slow[1]?.write(
    "POST /v1/batches HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\ncontent-length: 9\r\n\r\nab",
  );
  const third = raw();
  await expect.poll(() => third.destroyed).toBe(true);
  await expect.poll(() => slow.map((socket) => socket.destroyed)).toEqual([true, true]);
  expect(await ask("/v1/status", {}, small.port)).toMatchObject({ code: 200 });
  const counted = await metrics.registry.metrics();
  expect(counted).toContain('hmn_connections_refused_total{server="api",reason="limit_perAddress"} 1');
  expect(counted).toContain('hmn_connections_refused_total{server="api",reason="slow"} 2');
});
