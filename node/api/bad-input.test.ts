import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fc } from "../base/test-property.ts";
import { accountOf, type Chain, chainId, heightOf } from "../chain/chain.ts";
import { keyOf, TREASURY, testChain } from "../chain/test-genesis.ts";
import { executeAlone } from "../client/test-server.ts";
import { encodeBatch } from "../codec/batch.ts";
import {
  CLIENT_FRAME_BYTES_MAX,
  type ClientFrame,
  encodeClientFrame,
  parseClientFrame,
} from "../codec/client-protocol.ts";
import { encodeTransfers, newTransfer } from "../codec/transfer.ts";
import type { ClientAnswer } from "../ports.ts";
import { type Credentials, watchCredentials } from "../transport/credentials.ts";
import { frameReader, lengthPrefix } from "../transport/frames.ts";
import { type TestAuthority, testAuthority, writeMaterial } from "../transport/test-authority.ts";
import { createAllowance } from "./allowance.ts";
import { startClientServer } from "./client-server.ts";
import { startIntake } from "./intake.ts";
import { createMetrics, type Metrics } from "./metrics.ts";

let folder = "";
let authority: TestAuthority;
let credentials: Credentials;
let chain: Chain;
let metrics: Metrics;
let port = 0;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "hmn-bad-"));
  authority = await testAuthority();
  writeMaterial(folder, await authority.issue("0.test"));
  credentials = watchCredentials(folder, () => {});
  chain = testChain({
    timeNs: `${Date.now() - 1_000}000000`,
    accounts: [0n, 1n].map((index) => ({
      ...{ id: `${TREASURY + index}`, ownerKey: Buffer.from(keyOf("treasury").publicKey).toString("hex"), ledger: 1 },
      balance: "1000",
    })),
  });
  metrics = createMetrics();
  const log = pino({ level: "silent" });
  const intake = startIntake({
    ...{ metrics, log, slowMs: 0, height: () => heightOf(chain) },
    allowance: createAllowance({ perSecond: 50_000, nowMs: () => 0, resOf: () => 0n }),
    submit: (request, batch) => {
      const answer = executeAlone(chain, batch);
      setImmediate(() => intake.answer(request, answer));
      return undefined;
    },
  });
  const listen = { host: "127.0.0.1", port: 0 };
  const server = await startClientServer({
    ...{ listen, credentials, network: "test", chainId: chainId(chain), intake, metrics, log },
  });
  ({ port } = server);
  cleanups.push(() => server.close(), intake.close);
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  credentials.close();
  rmSync(folder, { recursive: true });
});

function caller() {
  const socket = connect({ host: "127.0.0.1", port, servername: "0.test", ca: authority.ca });
  const reader = frameReader();
  const frames: ClientFrame[] = [];
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => {
    const cut = reader.push(chunk);
    for (const bytes of cut.ok ? cut.value : []) {
      const frame = parseClientFrame(bytes);
      if (frame.ok) frames.push(frame.value);
    }
  });
  cleanups.push(() => socket.destroy());
  let asked = 0n;
  const ask = async (batch: Uint8Array): Promise<ClientAnswer> => {
    asked += 1n;
    const requestId = asked;
    const payload = encodeClientFrame({ type: "request", requestId, batch });
    socket.write(lengthPrefix(payload.length));
    socket.write(payload);
    return vi.waitFor(
      () => {
        const reply = frames.find((frame) => frame.type === "reply" && frame.requestId === requestId);
        if (reply?.type !== "reply") throw new Error("no reply yet");
        return reply.answer;
      },
      { timeout: 60_000 },
    );
  };
  return { socket, ask };
}

let sequence = 0n;
type BatchFields = Parameters<typeof encodeBatch>[0];
function pay(changes: Partial<BatchFields> = {}, id = BigInt(Date.now()) << 80n): Uint8Array {
  sequence += 1n;
  const transfer = newTransfer({
    id: id + sequence,
    debit: TREASURY,
    credit: TREASURY + 1n,
    amount: 1n,
    ledger: 1,
    code: 1,
  });
  return encodeBatch({
    ...{ type: "transfers", payload: encodeTransfers([transfer]), chainId: chainId(chain), keyPair: keyOf("treasury") },
    ...{ stream: 1n, sequence, expiryMs: Date.now() + 60_000 },
    ...changes,
  });
}
const refusals = async (): Promise<Record<string, number>> => {
  const series = await metrics.registry.getSingleMetric("hmn_client_refusals_total")?.get();
  const counted = (series?.values ?? []).filter(({ value }) => value > 0);
  return Object.fromEntries(counted.map(({ labels, value }) => [labels.reason, value]));
};
const paid = (): bigint => accountOf(chain, TREASURY)?.debitsPosted ?? 0n;

const patched = (batch: Uint8Array, at: number, bytes: Uint8Array): Uint8Array => {
  const changed = batch.slice();
  changed.set(bytes, at);
  return changed;
};
/** The neutral point: as a key it would make true whatever R = this and S = 0 sign. */
const IDENTITY = Uint8Array.from({ length: 32 }, (_, index) => (index === 0 ? 1 : 0));
const SIGNATURE_OF_NOTHING = new Uint8Array([...IDENTITY, ...new Uint8Array(32)]);
const S_TOO_LARGE = new Uint8Array(32).fill(255);

test.each<[what: string, reason: string, batch: () => Uint8Array]>([
  ["empty", "batch_malformed", () => new Uint8Array(0)],
  ["truncated in its header", "batch_malformed", () => pay().subarray(0, 150)],
  ["truncated in its payload", "batch_malformed", () => pay().subarray(0, -1)],
  ["with a byte too many", "batch_malformed", () => new Uint8Array([...pay(), 0])],
  ["that counts records it has not", "batch_malformed", () => patched(pay(), 6, new Uint8Array([9, 0]))],
  ["of another protocol", "batch_malformed", () => patched(pay(), 0, new TextEncoder().encode("HTTP"))],
  ["of a type that nobody knows", "batch_type_unknown", () => patched(pay(), 4, new Uint8Array([9]))],
  ["of the next version", "batch_version_unknown", () => patched(pay(), 5, new Uint8Array([2]))],
  ["of another network", "wrong_chain", () => pay({ chainId: "00".repeat(32) })],
  ["of the past", "expired", () => pay({ expiryMs: Date.now() - 10_000 })],
  ["of a clock far ahead", "expiry_too_far", () => pay({ expiryMs: Date.now() + 3_600_000 })],
  ["of the end of time", "batch_malformed", () => patched(pay(), 88, new Uint8Array(8).fill(255))],
  ["with another payload", "payload_hash_differs", () => patched(pay(), 200, new Uint8Array([7]))],
  ["with another key", "signature_invalid", () => patched(pay(), 40, keyOf("thief").publicKey)],
  ["with another sequence", "signature_invalid", () => patched(pay(), 80, new Uint8Array([7]))],
  ["without a signature", "signature_invalid", () => patched(pay(), 128, new Uint8Array(64))],
  ["with a signature that is not canonical", "signature_invalid", () => patched(pay(), 160, S_TOO_LARGE)],
  ["of a small-order key", "signature_invalid", () => patched(patched(pay(), 40, IDENTITY), 128, SIGNATURE_OF_NOTHING)],
])("a batch %s is answered %s, counted, and changes nothing", async (_what, reason, batch) => {
  const { ask } = caller();
  expect(await ask(batch())).toMatchObject({ type: "refused", reason });
  expect(await refusals()).toEqual({ [reason]: 1 });
  expect(paid()).toBe(0n);
  // The connection is as good as before.
  expect(await ask(pay())).toMatchObject({ type: "committed", outcome: { failures: [] } });
  expect(paid()).toBe(1n);
});

test("a replayed batch gets its stored result, and moves nothing again", async () => {
  const { ask } = caller();
  const batch = pay();
  const first = await ask(batch);
  expect(first).toMatchObject({ type: "committed" });
  expect(await caller().ask(batch)).toEqual(first);
  expect(paid()).toBe(1n);
});

test("ids from the future and from long ago are refused one by one", async () => {
  const { ask } = caller();
  for (const [ms, code] of [
    [120_000, "id_in_future"],
    [-900_000, "id_expired"],
  ] as const) {
    const answer = await ask(pay({}, BigInt(Date.now() + ms) << 80n));
    expect(answer).toMatchObject({ outcome: { failures: [{ index: 0, code }] } });
  }
});

test("every flipped bit of a batch is a refusal, never a payment and never a crash", async () => {
  const { ask } = caller();
  const batch = pay();
  await fc.assert(
    fc.asyncProperty(fc.nat(8 * batch.length - 1), async (bit) => {
      const flipped = batch.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
      expect(await ask(flipped)).toMatchObject({ type: "refused" });
    }),
    { numRuns: 60 },
  );
  expect(paid()).toBe(0n);
  expect(await ask(batch)).toMatchObject({ type: "committed" });
});

test("what is no frame costs its sender the connection, and nobody else anything", async () => {
  const other = caller();
  await other.ask(pay());
  const bad = [
    lengthPrefix(CLIENT_FRAME_BYTES_MAX + 1),
    new Uint8Array([...lengthPrefix(3), 1, 2, 3]),
    new Uint8Array([...lengthPrefix(0)]),
    // A frame that only servers send.
    ...[
      encodeClientFrame({ type: "reply", requestId: 1n, answer: { type: "refused", reason: "x", retryable: true } }),
    ].map((frame) => new Uint8Array([...lengthPrefix(frame.length), ...frame])),
  ];
  for (const bytes of bad) {
    const { socket } = caller();
    socket.write(bytes);
    await expect.poll(() => socket.destroyed).toBe(true);
  }
  expect(await refusals()).toEqual({ frame_too_long: 1, frame_malformed: 3 });
  expect(await other.ask(pay())).toMatchObject({ type: "committed" });
});
