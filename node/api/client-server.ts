import { once } from "node:events";
import { createServer, type TLSSocket } from "node:tls";
import type { Logger } from "pino";
import type { Hex } from "../base/bytes.ts";
import {
  CLIENT_FRAME_BYTES_MAX,
  CLIENT_IN_FLIGHT_MAX,
  encodeClientFrame,
  parseClientFrame,
} from "../codec/client-protocol.ts";
import type { ClientAnswer } from "../ports.ts";
import { type Credentials, SERVER_TLS } from "../transport/credentials.ts";
import { frameReader, writeFrame } from "../transport/frames.ts";
import { WIRE_VERSION } from "./contract.ts";
import type { BatchResult, Metrics } from "./metrics.ts";
import type { Listen } from "./tls-server.ts";

export type ClientServerOptions = {
  readonly listen: Listen;
  readonly credentials: Credentials;
  readonly network: string;
  readonly chainId: Hex;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Hands a batch to the node; its answer comes through `answer`. A text is why the node can't take it at all now. */
  readonly submit: (request: number, batch: Uint8Array) => string | undefined;
  /** Answers leave so much later: only in images built for tests. */
  readonly slowMs: number;
};

/** The client port. A client is known by the signature of its batches, so the TLS layer asks for no certificate. */
export type ClientServer = {
  readonly port: number;
  answer(request: number, answer: ClientAnswer): void;
  /** Batches taken whose answer has not left. */
  outstanding(): number;
  /** Cuts every connection: what became of the outstanding batches is unknown here, and their clients ask elsewhere. */
  dropAll(reason: string): void;
  /** Takes no new connections; those that are there stay for their answers. */
  stopTaking(): void;
  close(): Promise<void>;
};

const CONNECTIONS_MAX = 256;
const FLUSH_MS = 1_000;
const HANDSHAKE_MS = 5_000;
/** A client that lets this many bytes of answers wait is cut off. */
const QUEUE_BYTES_MAX = 4 * 1024 * 1024;
/** A batch without an answer for so long counts as failed. */
const ANSWER_DUE_MS = 10_000;

type Connection = { readonly socket: TLSSocket; inFlight: number };
type Request = {
  readonly connection: Connection;
  readonly requestId: bigint;
  readonly takenAtMs: number;
  /** Counted as failed already: its answer is late. */
  overdue: boolean;
};

export async function startClientServer(options: ClientServerOptions): Promise<ClientServer> {
  const { credentials, log, metrics } = options;
  const connections = new Set<Connection>();
  const requests = new Map<number, Request>();
  let nextRequest = 1;

  const write = (connection: Connection, payload: Uint8Array): void => {
    const { socket } = connection;
    if (socket.destroyed) return;
    writeFrame(socket, payload);
    if (socket.writableLength > QUEUE_BYTES_MAX) {
      log.warn({}, "client cut off: it reads too slowly");
      socket.destroy();
    }
  };
  const reply = (number: number, answer: ClientAnswer, result: BatchResult): void => {
    const request = requests.get(number);
    if (request === undefined) return;
    requests.delete(number);
    request.connection.inFlight -= 1;
    write(request.connection, encodeClientFrame({ type: "reply", requestId: request.requestId, answer }));
    // Refusals come at once: counting their time would hide slow commits.
    if (answer.type === "committed") metrics.latency((performance.now() - request.takenAtMs) / 1000);
    if (!request.overdue) metrics.batchAnswered(result);
  };
  const take = (connection: Connection, requestId: bigint, batch: Uint8Array): void => {
    const number = nextRequest++;
    connection.inFlight += 1;
    requests.set(number, { connection, requestId, takenAtMs: performance.now(), overdue: false });
    if (connection.inFlight > CLIENT_IN_FLIGHT_MAX) {
      reply(number, { type: "refused", reason: "too_many_in_flight", retryable: true }, "refused");
      return;
    }
    const cannot = options.submit(number, batch);
    if (cannot !== undefined) reply(number, { type: "refused", reason: cannot, retryable: true }, "failed");
  };
  const serve = (socket: TLSSocket): void => {
    const connection: Connection = { socket, inFlight: 0 };
    const frames = frameReader(CLIENT_FRAME_BYTES_MAX);
    connections.add(connection);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    socket.on("error", () => {});
    socket.on("close", () => {
      connections.delete(connection);
      for (const [number, request] of requests) if (request.connection === connection) requests.delete(number);
    });
    socket.on("data", (chunk: Buffer) => {
      const cut = frames.push(chunk);
      if (!cut.ok) return socket.destroy();
      for (const bytes of cut.value) {
        const frame = parseClientFrame(bytes);
        if (!frame.ok || frame.value.type !== "request") return socket.destroy();
        take(connection, frame.value.requestId, frame.value.batch);
      }
    });
    const { network, chainId } = options;
    write(connection, encodeClientFrame({ type: "hello", wireVersion: WIRE_VERSION, network, chainId }));
  };

  const server = createServer({ ...credentials.material(), ...SERVER_TLS, handshakeTimeout: HANDSHAKE_MS });
  credentials.onChange((material) => server.setSecureContext({ ...material, ...SERVER_TLS }));
  server.maxConnections = CONNECTIONS_MAX;
  server.on("secureConnection", serve);
  server.on("error", (error) => log.error({ reason: error.message }, "server for clients failed"));
  const sockets = new Set<{ destroy(): void }>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const { host, port } = options.listen;
  server.listen({ port, ...(host === undefined ? {} : { host }) });
  await once(server, "listening");
  const address = server.address();

  const overdue = setInterval(() => {
    const before = performance.now() - ANSWER_DUE_MS;
    for (const request of requests.values()) {
      if (request.takenAtMs > before) return;
      if (!request.overdue) metrics.batchAnswered("failed");
      request.overdue = true;
    }
  }, 1_000);

  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    answer: (request, answer) => {
      const result = answer.type === "committed" && !("refused" in answer.outcome) ? "accepted" : "refused";
      if (options.slowMs > 0) setTimeout(() => reply(request, answer, result), options.slowMs);
      else reply(request, answer, result);
    },
    outstanding: () => requests.size,
    dropAll: (reason) => {
      log.warn({ reason, outstanding: requests.size }, "clients cut off");
      for (const request of requests.values()) if (!request.overdue) metrics.batchAnswered("failed");
      requests.clear();
      for (const { socket } of connections) socket.destroy();
    },
    stopTaking: () => {
      server.close();
    },
    close: async () => {
      clearInterval(overdue);
      if (server.listening) server.close();
      // What is written gets a moment to leave; a client that doesn't read can't hold the process.
      for (const { socket } of connections) socket.end();
      const late = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, FLUSH_MS);
      while (sockets.size > 0) await new Promise((resolve) => setTimeout(resolve, 10));
      clearTimeout(late);
    },
  };
}
