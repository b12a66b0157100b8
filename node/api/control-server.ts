import { TLSSocket } from "node:tls";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Registry } from "prom-client";
import type { Credentials } from "../transport/credentials.ts";
import type { NodeStatus } from "./contract.ts";
import { httpsApp, type Listen, listenOn } from "./tls-server.ts";

/** Whether one service of the node does its work; `reason` says what it waits for, why it has none, or why it failed. */
export type ServiceHealth = { readonly state: "running" | "waiting" | "idle" | "failed"; readonly reason: string };

export type ControlOptions = {
  readonly listen: Listen;
  readonly credentials: Credentials;
  readonly registry: Registry;
  readonly onRefused: (reason: string) => void;
  readonly status: () => NodeStatus;
  readonly readiness: () => { readonly ready: boolean; readonly reason: string };
  readonly health: () => Readonly<Record<string, ServiceHealth>>;
};

export type ControlServer = { readonly port: number; close(): Promise<void> };

/** What probes, operator and metrics read. `/livez` only says that the process answers: peers don't matter to it. */
export async function startControlServer(options: ControlOptions): Promise<ControlServer> {
  const app = httpsApp(options.credentials, { clients: true, onRefused: options.onRefused });
  app.get("/livez", () => ({ live: true }));
  app.get("/readyz", (_request, reply) => {
    const readiness = options.readiness();
    return reply.code(readiness.ready ? 200 : 503).send(readiness);
  });
  app.get("/healthz", (_request, reply) => {
    const services = options.health();
    const failed = Object.values(services).some(({ state }) => state === "failed");
    return reply.code(failed ? 503 : 200).send({ services });
  });
  app.get("/status", { onRequest: requireClientCertificate }, () => options.status());
  app.get("/metrics", { onRequest: requireClientCertificate }, async (_request, reply) =>
    reply.type(options.registry.contentType).send(await options.registry.metrics()),
  );
  const port = await listenOn(app, options.listen);
  return { port, close: () => app.close() };
}

/** The TLS layer verified the certificate against the CA bundle, or there was none. */
async function requireClientCertificate(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { socket } = request.raw;
  if (socket instanceof TLSSocket && socket.authorized) return undefined;
  return reply.code(401).send({ error: "a client certificate of the cluster's CA is required" });
}
