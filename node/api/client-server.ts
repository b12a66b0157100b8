import { once } from "node:events";
import { createServer, type TLSSocket } from "node:tls";
import type { Logger } from "pino";
import type { Hex } from "../base/bytes.ts";
import {
  CLIENT_FRAME_BYTES_MAX,
  CLIENT_IN_FLIGHT_MAX,
  CLIENT_VERSION,
  encodeClientFrame,
  parseClientFrame,
} from "../codec/client-protocol.ts";
import type { ClientAnswer } from "../ports.ts";
import { type Credentials, SERVER_TLS } from "../transport/credentials.ts";
import { type FrameReader, frameReader, writeFrame } from "../transport/frames.ts";
import { type GateLimits, guard, onHandshakeFailure } from "../transport/gate.ts";
import { type Asker, type Intake, newAsker } from "./intake.ts";
import type { Metrics } from "./metrics.ts";
import type { Listen } from "./tls-server.ts";

export type ClientServerOptions = {
  readonly listen: Listen;
  readonly credentials: Credentials;
  readonly network: string;
  readonly chainId: Hex;
  readonly intake: Intake;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly connections?: GateLimits;
  readonly timing?: ClientTiming;
};

/** In looks at all connections, `lookMs` apart: counted, not timed, so that a stall of this process cuts nobody off. */
export type ClientTiming = {
  readonly lookMs: number;
  /** A frame that has begun has to end. */
  readonly frameLooks: number;
  /** A connection that asks nothing and waits for nothing. */
  readonly idleLooks: number;
  readonly handshakeMs: number;
};

/** The client port. A client is known by the signature of its batches, so the TLS layer asks for no certificate. */
export type ClientServer = {
  readonly port: number;
  /** Cuts every connection: what became of the outstanding batches is unknown here, and their clients ask elsewhere. */
  dropAll(reason: string): void;
  /** Takes no new connections; those that are there stay for their answers. */
  stopTaking(): void;
  close(): Promise<void>;
};

const CONNECTIONS: GateLimits = { total: 256, perAddress: 64 };
const TIMING: ClientTiming = { lookMs: 1_000, frameLooks: 10, idleLooks: 300, handshakeMs: 5_000 };
const FLUSH_MS = 1_000;
/** A client that lets this many bytes of answers wait is cut off. */
const QUEUE_BYTES_MAX = 4 * 1024 * 1024;

type Connection = {
  readonly socket: TLSSocket;
  readonly asker: Asker;
  readonly frames: FrameReader;
  /** Requests taken and not answered, by the intake's number. */
  readonly inFlight: Set<number>;
  unfinished: number;
  idle: number;
};

export async function startClientServer(options: ClientServerOptions): Promise<ClientServer> {
  const { credentials, intake, log, metrics } = options;
  const timing = options.timing ?? TIMING;
  const connections = new Set<Connection>();

  const cutOff = ({ socket }: Connection, reason: string): void => {
    metrics.connectionRefused("clients", reason);
    socket.destroy();
  };
  const write = (connection: Connection, payload: Uint8Array): void => {
    const { socket } = connection;
    if (socket.destroyed) return;
    writeFrame(socket, payload);
    if (socket.writableLength > QUEUE_BYTES_MAX) cutOff(connection, "slow");
  };
  const reply = (connection: Connection, requestId: bigint, answer: ClientAnswer): void =>
    write(connection, encodeClientFrame({ type: "reply", requestId, answer }));
  const take = (connection: Connection, requestId: bigint, batch: Uint8Array): void => {
    const { asker, inFlight } = connection;
    if (inFlight.size >= CLIENT_IN_FLIGHT_MAX) {
      metrics.batchRefused("too_many_in_flight");
      metrics.batchAnswered("refused");
      reply(connection, requestId, { type: "refused", reason: "too_many_in_flight", retryable: true });
      return;
    }
    let answered = false;
    let number = 0;
    number = intake.take(asker, batch, (answer) => {
      answered = true;
      inFlight.delete(number);
      if (answer !== undefined) reply(connection, requestId, answer);
    });
    if (!answered) inFlight.add(number);
  };
  const onData = (connection: Connection, chunk: Buffer): void => {
    connection.idle = 0;
    const cut = connection.frames.push(chunk);
    if (!cut.ok) {
      metrics.frameRefused("frame_too_long");
      cutOff(connection, "frame_too_long");
      return;
    }
    if (cut.value.length > 0) connection.unfinished = 0;
    for (const bytes of cut.value) {
      const frame = parseClientFrame(bytes);
      if (!frame.ok || frame.value.type !== "request") {
        metrics.frameRefused("frame_malformed");
        cutOff(connection, "frame_malformed");
        return;
      }
      take(connection, frame.value.requestId, frame.value.batch);
    }
  };
  const serve = (socket: TLSSocket): void => {
    const connection: Connection = {
      ...{ socket, asker: newAsker(), frames: frameReader(CLIENT_FRAME_BYTES_MAX), inFlight: new Set() },
      ...{ unfinished: 0, idle: 0 },
    };
    connections.add(connection);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    socket.on("error", () => {});
    socket.on("close", () => {
      connections.delete(connection);
      for (const number of connection.inFlight) intake.forget(number);
    });
    socket.on("data", (chunk: Buffer) => onData(connection, chunk));
    const { network, chainId } = options;
    write(connection, encodeClientFrame({ type: "hello", wireVersion: CLIENT_VERSION, network, chainId }));
  };
  const look = (connection: Connection): void => {
    connection.idle = connection.inFlight.size === 0 ? connection.idle + 1 : 0;
    connection.unfinished = connection.frames.unfinished() ? connection.unfinished + 1 : 0;
    if (connection.unfinished > timing.frameLooks) cutOff(connection, "frame_unfinished");
    else if (connection.idle > timing.idleLooks) cutOff(connection, "idle");
  };

  const server = createServer({
    ...credentials.material(),
    ...SERVER_TLS,
    handshakeTimeout: timing.handshakeMs,
  });
  credentials.onChange((material) => server.setSecureContext({ ...material, ...SERVER_TLS }));
  const gate = guard(server, options.connections ?? CONNECTIONS, (limit) =>
    metrics.connectionRefused("clients", `limit_${limit}`),
  );
  server.on("secureConnection", serve);
  onHandshakeFailure(server, () => metrics.connectionRefused("clients", "handshake"));
  server.on("error", (error) => log.error({ reason: error.message }, "server for clients failed"));
  const { host, port } = options.listen;
  server.listen({ port, ...(host === undefined ? {} : { host }) });
  await once(server, "listening");
  const address = server.address();
  const looking = setInterval(() => connections.forEach(look), timing.lookMs);

  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    dropAll: (reason) => {
      log.warn({ reason, connections: connections.size }, "clients cut off");
      for (const { socket } of connections) socket.destroy();
    },
    stopTaking: () => {
      server.close();
    },
    close: async () => {
      clearInterval(looking);
      if (server.listening) server.close();
      // What is written gets a moment to leave; a client that doesn't read can't hold the process.
      for (const { socket } of connections) socket.end();
      const late = setTimeout(() => gate.destroyAll(), FLUSH_MS);
      while (gate.open() > 0) await new Promise((resolve) => setTimeout(resolve, 10));
      clearTimeout(late);
    },
  };
}
