import type { Server } from "node:https";
import fastify, { type FastifyInstance } from "fastify";
import type { Credentials } from "../transport/credentials.ts";
import { type GateLimits, guard, onHandshakeFailure } from "../transport/gate.ts";

export type Listen = { readonly host?: string; readonly port: number };
export type HttpsApp = FastifyInstance<Server>;

/** How long one caller may take for each part of a request. */
export type HttpsTiming = {
  /** TLS handshake, and a whole request from its first byte. */
  readonly requestMs: number;
  /** Silence on a connection, in either direction. */
  readonly idleMs: number;
  /** How often slow requests are looked for. */
  readonly lookMs: number;
};

export type HttpsOptions = {
  /** Whether client certificates are asked for; the routes judge them. */
  readonly clients: boolean;
  readonly onRefused: (reason: string) => void;
  readonly connections?: GateLimits;
  readonly timing?: HttpsTiming;
};

const BODY_BYTES_MAX = 16 * 1024;
const CONNECTIONS: GateLimits = { total: 128, perAddress: 64 };
const TIMING: HttpsTiming = { requestMs: 10_000, idleMs: 20_000, lookMs: 1_000 };

/** An HTTPS server (TLS 1.3) with the node's certificate, which no number of slow callers can use up. */
export function httpsApp(credentials: Credentials, options: HttpsOptions): HttpsApp {
  const { requestMs, idleMs, lookMs } = options.timing ?? TIMING;
  const app = fastify({
    https: {
      ...credentials.material(),
      minVersion: "TLSv1.3",
      requestCert: options.clients,
      rejectUnauthorized: false,
      handshakeTimeout: requestMs,
      headersTimeout: requestMs,
      requestTimeout: requestMs,
      // Node looks for requests over time only so often; by default every half minute.
      connectionsCheckingInterval: lookMs,
    },
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: requestMs,
    connectionTimeout: idleMs,
    keepAliveTimeout: idleMs,
    forceCloseConnections: true,
    // A path that can't even be decoded never reaches a route.
    frameworkErrors: (error, _request, reply) => {
      const body = JSON.stringify({ error: `path: ${error.message}`, field: "path" });
      reply.raw.writeHead(400, { "content-type": "application/json; charset=utf-8" }).end(body);
    },
  });
  guard(app.server, options.connections ?? CONNECTIONS, (limit) => options.onRefused(`limit_${limit}`));
  onHandshakeFailure(app.server, () => options.onRefused("handshake"));
  app.server.on("clientError", (error: NodeJS.ErrnoException) => {
    if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") options.onRefused("slow");
  });
  credentials.onChange((material) => app.server.setSecureContext({ ...material, minVersion: "TLSv1.3" }));
  return app;
}

/** Starts to listen; the port that was taken, for when 0 was asked for. */
export async function listenOn(app: HttpsApp, { host, port }: Listen): Promise<number> {
  try {
    await app.listen({ port, host: host ?? "::" });
  } catch (cause) {
    // A machine without IPv6 has no address "::".
    const unsupported = cause instanceof Error && "code" in cause && cause.code === "EAFNOSUPPORT";
    if (host !== undefined || !unsupported) throw cause;
    await app.listen({ port, host: "0.0.0.0" });
  }
  const address = app.server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}
