import type { Server } from "node:https";
import fastify, { type FastifyInstance } from "fastify";
import type { Credentials } from "../transport/credentials.ts";

export type Listen = { readonly host?: string; readonly port: number };
export type HttpsApp = FastifyInstance<Server>;

const BODY_BYTES_MAX = 16 * 1024;
const CONNECTIONS_MAX = 128;
const REQUEST_MS = 10_000;

/** An HTTPS server (TLS 1.3) with the node's certificate; client certificates are asked for where `clients` says so and judged by the routes. */
export function httpsApp(credentials: Credentials, { clients }: { clients: boolean }): HttpsApp {
  const app = fastify({
    https: {
      ...credentials.material(),
      minVersion: "TLSv1.3",
      requestCert: clients,
      rejectUnauthorized: false,
      handshakeTimeout: REQUEST_MS,
    },
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS,
    connectionTimeout: 2 * REQUEST_MS,
    forceCloseConnections: true,
  });
  app.server.maxConnections = CONNECTIONS_MAX;
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
