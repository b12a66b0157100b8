import { mkdtempSync, rmSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  CLIENT_FRAME_BYTES_MAX,
  CLIENT_IN_FLIGHT_MAX,
  type ClientFrame,
  encodeClientFrame,
  parseClientFrame,
} from "../codec/client-protocol.ts";
import { type Credentials, watchCredentials } from "../transport/credentials.ts";
import { frameReader, lengthPrefix } from "../transport/frames.ts";
import { type TestAuthority, testAuthority, writeMaterial } from "../transport/test-authority.ts";
import { createAllowance, UNLIMITED } from "./allowance.ts";
import { type ClientServer, type ClientServerOptions, startClientServer } from "./client-server.ts";
import { METRICS } from "./contract.ts";
import { type Intake, type IntakeOptions, startIntake } from "./intake.ts";
import { createMetrics, type Metrics } from "./metrics.ts";

const CHAIN = "ab".repeat(32);
let folder = "";
let authority: TestAuthority;
let credentials: Credentials;
let metrics: Metrics;
let submitted: { request: number; batch: Uint8Array }[] = [];
let cannot: string | undefined;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "hmn-clients-"));
  authority = await testAuthority();
  writeMaterial(folder, await authority.issue("0.payments"));
  credentials = watchCredentials(folder, () => {});
  metrics = createMetrics();
  submitted = [];
  cannot = undefined;
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  credentials.close();
  rmSync(folder, { recursive: true });
});

type Served = { readonly port: number; readonly server: ClientServer; readonly intake: Intake };

async function serve({
  slowMs = 0,
  perSecond,
  ...options
}: Partial<ClientServerOptions> & Partial<IntakeOptions> & { perSecond?: number } = {}): Promise<Served> {
  const log = pino({ level: "silent" });
  const intake = startIntake({
    ...{ metrics, log, slowMs },
    allowance: perSecond === undefined ? UNLIMITED : createAllowance({ perSecond, nowMs: () => 0, resOf: () => 0n }),
    height: () => 2,
    submit: (request, batch) => {
      if (cannot === undefined) submitted.push({ request, batch });
      return cannot;
    },
  });
  const server = await startClientServer({
    listen: { host: "127.0.0.1", port: 0 },
    ...{ credentials, network: "payments", chainId: CHAIN, intake, metrics, log },
    ...options,
  });
  cleanups.push(async () => {
    await server.close();
    intake.close();
  });
  return { port: server.port, server, intake };
}

type Caller = { socket: TLSSocket; frames: ClientFrame[]; ask(requestId: bigint, batch?: Uint8Array): void };

function call(port: number): Caller {
  const socket = connect({ host: "127.0.0.1", port, servername: "0.payments", ca: authority.ca });
  const reader = frameReader();
  const frames: ClientFrame[] = [];
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => {
    const cut = reader.push(chunk);
    if (!cut.ok) throw new Error(cut.detail);
    for (const bytes of cut.value) {
      const frame = parseClientFrame(bytes);
      if (!frame.ok) throw new Error(frame.detail);
      frames.push(frame.value);
    }
  });
  cleanups.push(() => socket.destroy());
  return {
    socket,
    frames,
    ask: (requestId, batch = new Uint8Array(100)) => {
      const payload = encodeClientFrame({ type: "request", requestId, batch });
      socket.write(lengthPrefix(payload.length));
      socket.write(payload);
    },
  };
}

const until = (condition: () => unknown): Promise<unknown> => vi.waitFor(condition, { timeout: 60_000, interval: 10 });
const answered = async (): Promise<Record<string, number>> => {
  const series = await metrics.registry.getSingleMetric(METRICS.clientBatches)?.get();
  return Object.fromEntries((series?.values ?? []).map(({ labels, value }) => [labels.result, value]));
};
/** Refusals counted so far, without those that were none. */
const refusals = async (): Promise<Record<string, number>> => {
  const series = await metrics.registry.getSingleMetric("hmn_client_refusals_total")?.get();
  const counted = (series?.values ?? []).filter(({ value }) => value > 0);
  return Object.fromEntries(counted.map(({ labels, value }) => [labels.reason, value]));
};
const cutOffs = async (): Promise<Record<string, number>> => {
  const series = await metrics.registry.getSingleMetric("hmn_connections_refused_total")?.get();
  return Object.fromEntries((series?.values ?? []).map(({ labels, value }) => [labels.reason, value]));
};
const latencies = async (): Promise<number> => {
  const text = await metrics.registry.metrics();
  return Number(new RegExp(`${METRICS.clientLatency}_count (\\d+)`).exec(text)?.[1]);
};
const executed = { type: "committed", height: 3, outcome: { failures: [], count: 1 } } as const;

test("answers go to the connection and request that asked, in any order, and are counted by what they say", async () => {
  const served = await serve();
  const a = call(served.port);
  const b = call(served.port);
  await until(() => expect([a.frames.length, b.frames.length]).toEqual([1, 1]));
  expect(a.frames[0]).toEqual({ type: "hello", wireVersion: 1, network: "payments", chainId: CHAIN });
  a.ask(1n, new Uint8Array([1]));
  a.ask(2n, new Uint8Array([2]));
  await until(() => expect(submitted.length).toBe(2));
  b.ask(1n, new Uint8Array([3]));
  await until(() => expect(submitted.length).toBe(3));
  const [first, second, third] = submitted.map(({ request }) => request);
  served.intake.answer(third ?? 0, executed);
  served.intake.answer(second ?? 0, { type: "refused", reason: "busy", retryable: true });
  served.intake.answer(first ?? 0, { type: "committed", height: 4, outcome: { refused: "expired" } });
  await until(() => expect([a.frames.length, b.frames.length]).toEqual([3, 2]));
  expect(b.frames[1]).toMatchObject({ type: "reply", requestId: 1n, answer: executed });
  expect(a.frames.slice(1).map((frame) => (frame.type === "reply" ? frame.requestId : 0n))).toEqual([2n, 1n]);
  expect(served.intake.outstanding()).toBe(0);
  expect(await answered()).toEqual({ accepted: 1, refused: 2, failed: 0 });
  expect(await refusals()).toEqual({ busy: 1, expired: 1 });
  expect(await latencies()).toBe(2);
});

test("over its limit of requests in flight a connection is refused, retryably, and others are not", async () => {
  const served = await serve();
  const greedy = call(served.port);
  for (let id = 0; id <= CLIENT_IN_FLIGHT_MAX; id++) greedy.ask(BigInt(id));
  await until(() => expect(greedy.frames.length).toBe(2));
  expect(greedy.frames[1]).toMatchObject({
    requestId: BigInt(CLIENT_IN_FLIGHT_MAX),
    answer: { type: "refused", reason: "too_many_in_flight", retryable: true },
  });
  const other = call(served.port);
  other.ask(1n);
  await until(() => expect(submitted.length).toBe(CLIENT_IN_FLIGHT_MAX + 1));
});

test("what can't be taken at all is a failure that says why", async () => {
  const served = await serve();
  cannot = "the disk takes no writes";
  const caller = call(served.port);
  caller.ask(9n);
  await until(() => expect(caller.frames.length).toBe(2));
  expect(caller.frames[1]).toMatchObject({ answer: { type: "refused", reason: cannot, retryable: true } });
  expect(await answered()).toEqual({ accepted: 0, refused: 0, failed: 1 });
});

test("dropping all cuts the connections: outstanding batches failed, their late answers go nowhere", async () => {
  const served = await serve();
  const caller = call(served.port);
  caller.ask(1n);
  await until(() => expect(submitted.length).toBe(1));
  served.intake.dropAll();
  served.server.dropAll("disk");
  await until(() => expect(caller.socket.destroyed).toBe(true));
  served.intake.answer(submitted[0]?.request ?? 0, executed);
  expect(await answered()).toEqual({ accepted: 0, refused: 0, failed: 1 });
  const again = call(served.port);
  await until(() => expect(again.frames.length).toBe(1));
});

test.each<[string, Uint8Array, string]>([
  ["an oversize frame", lengthPrefix(CLIENT_FRAME_BYTES_MAX + 1), "frame_too_long"],
  ["garbage", new Uint8Array([3, 0, 0, 0, 99, 99, 99]), "frame_malformed"],
])("%s ends the connection and is counted", async (_what, bytes, reason) => {
  const served = await serve();
  const caller = call(served.port);
  await until(() => expect(caller.frames.length).toBe(1));
  caller.socket.write(bytes);
  await until(() => expect(caller.socket.destroyed).toBe(true));
  expect(await refusals()).toEqual({ [reason]: 1 });
});

test("a client that reads nothing is cut off", async () => {
  const served = await serve();
  const caller = call(served.port);
  await until(() => expect(caller.frames.length).toBe(1));
  caller.socket.pause();
  const failures = Array.from({ length: 8_000 }, (_, index) => ({ index, code: "x".repeat(60) }));
  const large = { type: "committed", height: 1, outcome: { failures, count: 8_000 } } as const;
  for (let id = 0; id < 30; id++) caller.ask(BigInt(id));
  await until(() => expect(submitted.length).toBe(30));
  for (const { request } of submitted) served.intake.answer(request, large);
  caller.socket.resume();
  await until(() => expect(caller.socket.destroyed).toBe(true));
  // The hello and what fitted into the sockets' buffers, not the 15 MB of answers.
  expect(caller.frames.length).toBeLessThan(28);
});

test("slow answers leave later and count as slow", async () => {
  const served = await serve({ slowMs: 300 });
  const caller = call(served.port);
  caller.ask(1n);
  await until(() => expect(submitted.length).toBe(1));
  served.intake.answer(submitted[0]?.request ?? 0, executed);
  expect(served.intake.outstanding()).toBe(1);
  await until(() => expect(caller.frames.length).toBe(2));
  const text = await metrics.registry.metrics();
  expect(text).toContain(`${METRICS.clientLatency}_bucket{le="0.2"} 0`);
  expect(text).toContain(`${METRICS.clientLatency}_count 1`);
});

/** The head of a batch that claims this key and count; nobody looks further here. */
function claim(key: number, count: number): Uint8Array {
  const batch = new Uint8Array(192 + 128);
  new DataView(batch.buffer).setUint16(6, count, true);
  batch.fill(key, 40, 72);
  return batch;
}

test("a key over its allowance is refused retryably, others are not, and only what was executed counts", async () => {
  const served = await serve({ perSecond: 1_000 });
  const caller = call(served.port);
  caller.ask(1n, claim(7, 900));
  caller.ask(2n, claim(7, 900));
  await until(() => expect(submitted.length).toBe(2));
  // 1 800 are on their way: more of this key has to wait, on this connection.
  caller.ask(3n, claim(7, 1));
  await until(() => expect(caller.frames.length).toBe(2));
  expect(caller.frames[1]).toMatchObject({ requestId: 3n, answer: { reason: "over_allowance", retryable: true } });
  caller.ask(4n, claim(8, 1));
  await until(() => expect(submitted.length).toBe(3));
  // A stranger who claims the key on another connection is not in the owner's way.
  const owner = call(served.port);
  owner.ask(1n, claim(7, 1_000));
  await until(() => expect(submitted.length).toBe(4));
  const [first, second, , fourth] = submitted.map(({ request }) => request);
  for (const request of [first, second]) {
    served.intake.answer(request ?? 0, { type: "refused", reason: "signature_invalid", retryable: false });
  }
  caller.ask(5n, claim(7, 10));
  await until(() => expect(submitted.length).toBe(5));
  const all = { failures: [], count: 1 };
  // The newest block at the time was 2: an answer from block 2 is a stored one and costs nothing.
  served.intake.answer(fourth ?? 0, { type: "committed", height: 2, outcome: all });
  owner.ask(2n, claim(7, 1_000));
  await until(() => expect(submitted.length).toBe(6));
  served.intake.answer(submitted[5]?.request ?? 0, { type: "committed", height: 3, outcome: all });
  owner.ask(3n, claim(7, 1));
  await until(() => expect(owner.frames.length).toBe(4));
  expect(owner.frames[3]).toMatchObject({ requestId: 3n, answer: { reason: "over_allowance" } });
  expect(await refusals()).toEqual({ over_allowance: 2, signature_invalid: 2 });
});

test("connections of one address and in total are limited", async () => {
  const served = await serve({ connections: { total: 8, perAddress: 2 } });
  const [a, b, c] = [call(served.port), call(served.port), call(served.port)];
  await until(() => expect(c?.socket.destroyed).toBe(true));
  await until(() => expect([a?.frames.length, b?.frames.length]).toEqual([1, 1]));
  expect(await cutOffs()).toMatchObject({ limit_perAddress: 1 });
  a?.socket.destroy();
  // The place is free again.
  await until(async () => {
    const again = call(served.port);
    await until(() => expect(again.frames.length + Number(again.socket.destroyed)).toBeGreaterThan(0));
    expect(again.frames.length).toBe(1);
  });
});

test("half a frame, silence and half a handshake do not hold a place", async () => {
  const timing = { lookMs: 10, frameLooks: 20, idleLooks: 40, handshakeMs: 200 };
  const served = await serve({ timing });
  const slow = call(served.port);
  await until(() => expect(slow.frames.length).toBe(1));
  slow.socket.write(lengthPrefix(1_000));
  // A byte now and then keeps the connection from being idle, and does not help.
  const drip = setInterval(() => slow.socket.write(new Uint8Array(1)), 20);
  cleanups.push(() => clearInterval(drip));
  await until(() => expect(slow.socket.destroyed).toBe(true));
  const idle = call(served.port);
  await until(() => expect(idle.socket.destroyed).toBe(true));
  const raw = connectTcp({ host: "127.0.0.1", port: served.port });
  raw.on("error", () => {});
  raw.resume();
  await until(() => expect(raw.destroyed).toBe(true));
  expect(await cutOffs()).toEqual({ frame_unfinished: 1, idle: 1, handshake: 1 });
});

test("a connection that waits for an answer is not idle", async () => {
  const served = await serve({ timing: { lookMs: 5, frameLooks: 20, idleLooks: 10, handshakeMs: 5_000 } });
  const caller = call(served.port);
  caller.ask(1n);
  await until(() => expect(submitted.length).toBe(1));
  const bystander = call(served.port);
  await until(() => expect(bystander.socket.destroyed).toBe(true));
  served.intake.answer(submitted[0]?.request ?? 0, executed);
  await until(() => expect(caller.frames.length).toBe(2));
});
