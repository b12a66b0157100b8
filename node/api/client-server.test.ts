import { mkdtempSync, rmSync } from "node:fs";
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
import { type ClientServer, type ClientServerOptions, startClientServer } from "./client-server.ts";
import { METRICS } from "./contract.ts";
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

async function serve(options: Partial<ClientServerOptions> = {}): Promise<ClientServer> {
  const server = await startClientServer({
    listen: { host: "127.0.0.1", port: 0 },
    credentials,
    network: "payments",
    chainId: CHAIN,
    metrics,
    log: pino({ level: "silent" }),
    submit: (request, batch) => {
      if (cannot === undefined) submitted.push({ request, batch });
      return cannot;
    },
    slowMs: 0,
    ...options,
  });
  cleanups.push(() => server.close());
  return server;
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

const until = (condition: () => unknown): Promise<unknown> => vi.waitFor(condition, { timeout: 8_000, interval: 10 });
const answered = async (): Promise<Record<string, number>> => {
  const series = await metrics.registry.getSingleMetric(METRICS.clientBatches)?.get();
  return Object.fromEntries((series?.values ?? []).map(({ labels, value }) => [labels.result, value]));
};
const latencies = async (): Promise<number> => {
  const text = await metrics.registry.metrics();
  return Number(new RegExp(`${METRICS.clientLatency}_count (\\d+)`).exec(text)?.[1]);
};
const executed = { type: "committed", height: 3, outcome: { failures: [], count: 1 } } as const;

test("answers go to the connection and request that asked, in any order, and are counted by what they say", async () => {
  const server = await serve();
  const a = call(server.port);
  const b = call(server.port);
  await until(() => expect([a.frames.length, b.frames.length]).toEqual([1, 1]));
  expect(a.frames[0]).toEqual({ type: "hello", wireVersion: 1, network: "payments", chainId: CHAIN });
  a.ask(1n, new Uint8Array([1]));
  a.ask(2n, new Uint8Array([2]));
  await until(() => expect(submitted.length).toBe(2));
  b.ask(1n, new Uint8Array([3]));
  await until(() => expect(submitted.length).toBe(3));
  const [first, second, third] = submitted.map(({ request }) => request);
  server.answer(third ?? 0, executed);
  server.answer(second ?? 0, { type: "refused", reason: "busy", retryable: true });
  server.answer(first ?? 0, { type: "committed", height: 4, outcome: { refused: "expired" } });
  await until(() => expect([a.frames.length, b.frames.length]).toEqual([3, 2]));
  expect(b.frames[1]).toMatchObject({ type: "reply", requestId: 1n, answer: executed });
  expect(a.frames.slice(1).map((frame) => (frame.type === "reply" ? frame.requestId : 0n))).toEqual([2n, 1n]);
  expect(server.outstanding()).toBe(0);
  expect(await answered()).toEqual({ accepted: 1, refused: 2, failed: 0 });
  expect(await latencies()).toBe(2);
});

test("over its limit of requests in flight a connection is refused, retryably, and others are not", async () => {
  const server = await serve();
  const greedy = call(server.port);
  for (let id = 0; id <= CLIENT_IN_FLIGHT_MAX; id++) greedy.ask(BigInt(id));
  await until(() => expect(greedy.frames.length).toBe(2));
  expect(greedy.frames[1]).toMatchObject({
    requestId: BigInt(CLIENT_IN_FLIGHT_MAX),
    answer: { type: "refused", reason: "too_many_in_flight", retryable: true },
  });
  const other = call(server.port);
  other.ask(1n);
  await until(() => expect(submitted.length).toBe(CLIENT_IN_FLIGHT_MAX + 1));
});

test("what can't be taken at all is a failure that says why", async () => {
  const server = await serve();
  cannot = "the disk takes no writes";
  const caller = call(server.port);
  caller.ask(9n);
  await until(() => expect(caller.frames.length).toBe(2));
  expect(caller.frames[1]).toMatchObject({ answer: { type: "refused", reason: cannot, retryable: true } });
  expect(await answered()).toEqual({ accepted: 0, refused: 0, failed: 1 });
});

test("dropping all cuts the connections: outstanding batches failed, their late answers go nowhere", async () => {
  const server = await serve();
  const caller = call(server.port);
  caller.ask(1n);
  await until(() => expect(submitted.length).toBe(1));
  server.dropAll("disk");
  await until(() => expect(caller.socket.destroyed).toBe(true));
  server.answer(submitted[0]?.request ?? 0, executed);
  expect(await answered()).toEqual({ accepted: 0, refused: 0, failed: 1 });
  const again = call(server.port);
  await until(() => expect(again.frames.length).toBe(1));
});

test.each<[string, Uint8Array]>([
  ["an oversize frame", lengthPrefix(CLIENT_FRAME_BYTES_MAX + 1)],
  ["garbage", new Uint8Array([3, 0, 0, 0, 99, 99, 99])],
])("%s ends the connection", async (_what, bytes) => {
  const server = await serve();
  const caller = call(server.port);
  await until(() => expect(caller.frames.length).toBe(1));
  caller.socket.write(bytes);
  await until(() => expect(caller.socket.destroyed).toBe(true));
});

test("a client that reads nothing is cut off", async () => {
  const server = await serve();
  const caller = call(server.port);
  await until(() => expect(caller.frames.length).toBe(1));
  caller.socket.pause();
  const failures = Array.from({ length: 8_000 }, (_, index) => ({ index, code: "x".repeat(60) }));
  const large = { type: "committed", height: 1, outcome: { failures, count: 8_000 } } as const;
  for (let id = 0; id < 30; id++) caller.ask(BigInt(id));
  await until(() => expect(submitted.length).toBe(30));
  for (const { request } of submitted) server.answer(request, large);
  caller.socket.resume();
  await until(() => expect(caller.socket.destroyed).toBe(true));
  // The hello and what fitted into the sockets' buffers, not the 15 MB of answers.
  expect(caller.frames.length).toBeLessThan(28);
});

test("slow answers leave later and count as slow", async () => {
  const server = await serve({ slowMs: 300 });
  const caller = call(server.port);
  caller.ask(1n);
  await until(() => expect(submitted.length).toBe(1));
  server.answer(submitted[0]?.request ?? 0, executed);
  expect(server.outstanding()).toBe(1);
  await until(() => expect(caller.frames.length).toBe(2));
  const text = await metrics.registry.metrics();
  expect(text).toContain(`${METRICS.clientLatency}_bucket{le="0.2"} 0`);
  expect(text).toContain(`${METRICS.clientLatency}_count 1`);
});
