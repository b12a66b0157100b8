import { TLSSocket } from "node:tls";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Registry } from "prom-client";
import type { z } from "zod";
import { fromHex, type Hex } from "../base/bytes.ts";
import type { Result } from "../base/result.ts";
import type { Credentials } from "../transport/credentials.ts";
import { COUNTERSIGN, type NodeStatus } from "./contract.ts";
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
  /** The name in the operator's certificate: it alone may have orders countersigned. */
  readonly operator: string;
  readonly countersign: (body: Uint8Array) => Result<Hex, string>;
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
  app.post(COUNTERSIGN.path, { onRequest: requireClientCertificate }, (request, reply) => {
    const { socket } = request.raw;
    const caller = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
    if (caller?.checkHost(options.operator, { subject: "never", wildcards: false }) === undefined)
      return reply.code(403).send({ error: `only ${options.operator} may` });
    const asked = COUNTERSIGN.request.safeParse(request.body);
    const body = asked.success ? fromHex(asked.data.body, asked.data.body.length / 2) : undefined;
    if (body === undefined) return reply.code(400).send({ error: "the body of an order is needed, hexadecimal" });
    const signature = options.countersign(body);
    if (!signature.ok) return reply.code(409).send({ error: `${signature.reason}: ${signature.detail ?? ""}` });
    return { signature: signature.value } satisfies z.output<typeof COUNTERSIGN.answer>;
  });
  const port = await listenOn(app, options.listen);
  return { port, close: () => app.close() };
}

/** The TLS layer verified the certificate against the CA bundle, or there was none. */
async function requireClientCertificate(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { socket } = request.raw;
  if (socket instanceof TLSSocket && socket.authorized) return undefined;
  return reply.code(401).send({ error: "a client certificate of the cluster's CA is required" });
}
