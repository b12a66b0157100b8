import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { toHex } from "../base/bytes.ts";
import { accept, refuse } from "../base/result.ts";
import { chainId } from "../chain/chain.ts";
import type { BatchProof } from "../chain/proof.ts";
import { blockAt } from "../chain/test-chain.ts";
import { testChain } from "../chain/test-genesis.ts";
import { ANCHOR_BYTES } from "../codec/anchor.ts";
import { batchId, encodeBatch } from "../codec/batch.ts";
import { headerOf, sealBlock } from "../codec/block.ts";
import { hybridTimeAt } from "../codec/hybrid-clock.ts";
import { CONTENT_BYTES_MAX, type MemoryEntry, signEntry } from "../codec/memory-entry.ts";
import { keyPairFromSeed } from "../codec/signature.ts";
import { type Credentials, watchCredentials } from "../transport/credentials.ts";
import { type TestAuthority, testAuthority, writeMaterial } from "../transport/test-authority.ts";
import { createAllowance, UNLIMITED } from "./allowance.ts";
import { type Intake, startIntake } from "./intake.ts";
import { type JsonApi, startJsonApi } from "./json-api.ts";
import { memoryCalls } from "./memory-call.ts";
import { createMetrics } from "./metrics.ts";
import { testJournal } from "./test-journal.ts";
import { testMemory } from "./test-memory.ts";
import { checkAnswer, type OpenApiDocument, parseOpenApi } from "./test-openapi.ts";

const SERVERNAME = "0.test";
const chain = testChain();
const CHAIN = chainId(chain);
const author = keyPairFromSeed(new Uint8Array(32).fill(5));
const AUTHOR = toHex(author.publicKey);
/** Shard 1 is held by nobody. */
const memory = testMemory(CHAIN, { without: [1] });
const metrics = createMetrics();
const ANCHOR_BATCH = encodeBatch({
  ...{ type: "anchors", payload: new Uint8Array(ANCHOR_BYTES), chainId: CHAIN, keyPair: author },
  ...{ stream: 1n, sequence: 1n, expiryMs: 1 },
});
/** The form alone: what proofs prove is checked in chain/proof.test.ts. */
const proofOf = (batch: string): BatchProof => {
  const block = sealBlock({ ...blockAt(chain, 1), votes: [], evidence: [], payload: new Uint8Array() });
  const ballot = { kind: "finalize", epoch: 1, view: 1, block: block.hash, height: 1 } as const;
  return {
    ...{ kind: "batch", chainId: CHAIN, batch, outcome: { count: 1, failures: [] } },
    ...{ epochs: [], before: CHAIN, steps: [{ resultsRoot: CHAIN }], place: { index: 0, size: 1, path: [] } },
    final: { header: headerOf(block), headers: [], certificate: { ballot, signatures: [] } },
  };
};
let folder = "";
let authority: TestAuthority;
let credentials: Credentials;
let intake: Intake;
let api: JsonApi;
let described: OpenApiDocument;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "hmn-memory-api-"));
  authority = await testAuthority();
  writeMaterial(folder, await authority.issue(SERVERNAME));
  credentials = watchCredentials(folder, () => {});
  const log = pino({ level: "silent" });
  intake = startIntake({ metrics, allowance: UNLIMITED, slowMs: 0, log, height: () => 0, submit: () => "not here" });
  api = await startJsonApi({
    listen: { host: "127.0.0.1", port: 0 },
    ...{ credentials, intake, metrics, version: "1.2.3", log, memory, journal: testJournal(() => chain) },
    chain: () => chain,
    prove: ({ batch, epoch }) => {
      if (epoch > 1) return refuse("epoch_too_old");
      return batch === batchId(ANCHOR_BATCH) ? accept(proofOf(batch)) : refuse("not_found");
    },
    status: () => {
      throw new Error("not asked here");
    },
  });
  described = parseOpenApi((await ask("get", "/v1/openapi.json")).body);
});
afterAll(async () => {
  await api.close();
  intake.close();
  credentials.close();
  rmSync(folder, { recursive: true });
});

type Method = "get" | "put" | "delete";
const TYPE = "application/octet-stream";

async function open(method: Method, path: string, body?: Uint8Array, type = TYPE): Promise<IncomingMessage> {
  const headers = body === undefined ? {} : { "content-type": type, "content-length": body.length };
  const where = { host: "127.0.0.1", port: api.port, servername: SERVERNAME, ca: authority.ca, path, method, headers };
  const call = request({ ...where, agent: false });
  call.end(body);
  const [response]: IncomingMessage[] = await once(call, "response");
  if (response === undefined) throw new Error("no response");
  return response;
}
async function ask(method: Method, path: string, body?: Uint8Array, type?: string) {
  const response = await open(method, path, body, type);
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  return { code: response.statusCode ?? 0, body: text };
}
/** Asks, checks the answer against the description, and hands it over. */
async function told(method: Method, path: string, body?: Uint8Array, type?: string) {
  const answer = await ask(method, path, body, type);
  checkAnswer(described, { method, path, ...answer });
  return { code: answer.code, ...JSON.parse(answer.body) };
}

const version = (id: string, content: string | undefined, clock = hybridTimeAt(Date.now())): MemoryEntry =>
  signEntry(
    { id, clock, content: content === undefined ? undefined : new TextEncoder().encode(content) },
    { chainId: CHAIN, author },
  );
const pathOf = ({ id, clock, signature }: MemoryEntry): string =>
  `/v1/memory/${AUTHOR}/${id}?clock=${clock}&signature=${toHex(signature)}`;
/** An id whose shard is this one. */
const idIn = (shard: number): string => {
  for (let number = 0; ; number++) if (version(`id-${number}`, "").shard === shard) return `id-${number}`;
};

test("an entry is written, read, listed and deleted, each as described", async () => {
  const id = idIn(2);
  const entry = version(id, "hello");
  const summary = { author: AUTHOR, id, shard: 2, clock: `${entry.clock}`, digest: entry.digest };
  expect(await told("put", pathOf(entry), entry.content)).toEqual({
    ...{ code: 200, ...summary, state: "merged", deleted: false, bytes: 5 },
  });
  expect(await told("get", `/v1/memory/${AUTHOR}/${id}`)).toEqual({
    ...{ code: 200, ...summary, deleted: false, bytes: 5 },
    ...{ content: Buffer.from("hello").toString("base64"), signature: toHex(entry.signature) },
  });
  expect(await told("get", `/v1/memory/${AUTHOR}`)).toMatchObject({ code: 200, entries: [summary] });
  expect(await told("get", "/v1/memory?shard=2&limit=5")).toMatchObject({ code: 200, entries: [summary], next: "" });
  const empty = version(id, "", entry.clock + 1n);
  expect(await told("put", pathOf(empty), empty.content)).toMatchObject({ code: 200, bytes: 0, deleted: false });
  const tombstone = version(id, undefined, entry.clock + 2n);
  expect(await told("delete", pathOf(tombstone))).toMatchObject({ code: 200, deleted: true });
  expect(await told("get", `/v1/memory/${AUTHOR}/${id}`)).toMatchObject({ code: 200, deleted: true, content: "" });
});

test("what this node knows of a version is told with it, and its anchor is proved", async () => {
  const entry = version(idIn(4), "hello");
  expect(await told("put", pathOf(entry), entry.content)).toMatchObject({ code: 200 });
  const path = `/v1/memory/${AUTHOR}/${entry.id}`;
  const batch = ANCHOR_BATCH;
  const note = { digest: entry.digest, publisher: 2, resonancePpm: 912_345, anchor: undefined };
  memory.notes.set(entry.key, note);
  expect(await told("get", path)).toMatchObject({ code: 200, publisher: 2, resonancePpm: 912_345 });
  expect(await told("get", `${path}/proof`)).toMatchObject({ code: 404, field: "author" });
  memory.notes.set(entry.key, { ...note, anchor: { height: 7, index: 0, batch } });
  const anchored = { publisher: 2, anchor: { height: 7, batch: batchId(batch) } };
  expect(await told("get", path)).toMatchObject({ code: 200, ...anchored });
  const { entries } = await told("get", `/v1/memory/${AUTHOR}`);
  expect(entries.find(({ id }: { id: string }) => id === entry.id)).toMatchObject(anchored);
  expect(await told("get", `${path}/proof`)).toMatchObject({ code: 200, kind: "anchor", content: toHex(batch) });
  expect(await told("get", `${path}/proof?epoch=3`)).toMatchObject({ code: 503, retryable: true });
  expect(await told("get", `${path}/proof?epoch=x`)).toMatchObject({ code: 400, field: "epoch" });
  expect(await told("get", `/v1/memory/${AUTHOR}/${idIn(1)}/proof`)).toMatchObject({ code: 503, field: "author" });
  // A note of an older version says nothing of this one.
  memory.notes.set(entry.key, { ...note, digest: "ab".repeat(32) });
  expect(await told("get", path)).not.toHaveProperty("publisher");
});

test("what is wrong is refused with its field, and has no effect", async () => {
  const entry = version(idIn(3), "x");
  const before = [...memory.entries.keys()];
  const other = version(entry.id, "y", entry.clock);
  const cases: readonly [string, Uint8Array | undefined, string | undefined, object][] = [
    [pathOf({ ...entry, signature: other.signature }), entry.content, TYPE, { code: 422, field: "signature" }],
    [pathOf(entry), other.content, TYPE, { code: 422, reason: "signature_invalid", retryable: false }],
    [pathOf({ ...entry, id: "a b" }).replace(" ", "%20"), entry.content, TYPE, { code: 400, field: "id" }],
    [pathOf(entry).replace(AUTHOR, "ab"), entry.content, TYPE, { code: 400, field: "author" }],
    [pathOf(entry).replace(/clock=\d+/, "clock=-1"), entry.content, TYPE, { code: 400, field: "clock" }],
    [`/v1/memory/${AUTHOR}/${entry.id}`, entry.content, TYPE, { code: 400, field: "clock" }],
    [pathOf(entry), new Uint8Array(CONTENT_BYTES_MAX + 1), TYPE, { code: 413, field: "body" }],
    [pathOf(entry), entry.content, "text/plain", { code: 415, field: "body" }],
    [pathOf(version(idIn(1), "x")), entry.content, TYPE, { code: 503, reason: "unanswered", retryable: true }],
  ];
  for (const [path, body, type, expected] of cases) {
    expect(await told("put", path, body, type), path).toMatchObject(expected);
  }
  expect([...memory.entries.keys()]).toEqual(before);
  expect(await told("put", pathOf(entry), entry.content)).toMatchObject({ code: 200 });
  expect(await told("put", pathOf(entry), entry.content)).toMatchObject({ code: 409, reason: "stale", field: "clock" });
  expect(await told("get", `/v1/memory/${AUTHOR}/nothing`)).toMatchObject({ code: 404, error: "no such entry" });
  expect(await told("get", "/v1/memory?shard=1")).toMatchObject({ code: 503, retryable: true });
  expect(await told("get", "/v1/memory?shard=10")).toMatchObject({ code: 400, field: "shard" });
});

test("an author has a pace, which a stranger's wrong signatures do not use up", async () => {
  let nowMs = 0;
  const calls = memoryCalls(memory, createAllowance({ perSecond: 3, nowMs: () => nowMs, resOf: () => 0n }));
  let clock = hybridTimeAt(Date.now());
  const write = async (change: Partial<MemoryEntry> = {}): Promise<number> => {
    clock += 1n;
    const entry = version("pace", "x", clock);
    const fields = { ...entry, ...change };
    return (await calls.write({ ...fields, signature: toHex(fields.signature) })).code;
  };
  for (let turn = 0; turn < 10; turn++) expect(await write({ signature: new Uint8Array(64) })).toBe(422);
  expect([await write(), await write(), await write(), await write()]).toEqual([200, 200, 200, 429]);
  nowMs += 1_000;
  expect(await write()).toBe(200);
});

test("whoever watches hears of each change", async () => {
  const response = await open("get", "/v1/memory/watch");
  expect(response.statusCode).toBe(200);
  let heard = "";
  response.setEncoding("utf8").on("data", (chunk: string) => {
    heard += chunk;
  });
  response.on("error", () => {});
  const entry = version("watched", "x");
  api.memoryChanged(entry);
  await expect.poll(() => heard).toContain("event: memory");
  const data = /^data: (.*)$/m.exec(heard)?.[1] ?? "";
  expect(JSON.parse(data)).toMatchObject({ id: "watched", clock: `${entry.clock}`, digest: entry.digest, bytes: 1 });
  response.destroy();
});
