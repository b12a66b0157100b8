import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import { TLSSocket } from "node:tls";
import { COUNTERSIGN, type NodeStatus, PORTS } from "../../node/api/contract.ts";
import { type Counters, metricsText } from "./counters.ts";

/** With what a node is known: PEM texts. */
export type NodeFiles = { readonly ca: string; readonly certificate: string; readonly key: string };
/** What a node has to say at this moment; undefined while its process hangs or is down. */
export type Answers = {
  readonly status: NodeStatus;
  readonly counters: Counters;
  /** What becomes of a batch that a client signed. */
  readonly take: (batch: Uint8Array) => { readonly failures: readonly { readonly code: string }[] };
};

export type Responder = {
  /** Shows other certificates from the next connection on. */
  renew(files: NodeFiles): void;
  close(): void;
};

const PORTS_PLAYED = [PORTS.control, PORTS.api];
const BODY_MAX_BYTES = 64 * 1024;
/** The vote key's. Whether it is right is for the chain to say, which is played too. */
const SIGNATURE = "5".repeat(128);

/** Plays what the operator asks of one node (node/api/contract.ts) over mutual TLS, on the address of its pod. */
export async function startResponder(
  ip: string,
  files: NodeFiles,
  answers: () => Answers | undefined,
): Promise<Responder> {
  const servers = PORTS_PLAYED.map(() =>
    createServer({ ...tls(files), minVersion: "TLSv1.3" }, (request, response) => {
      answer(request, response, answers).catch(() => request.socket.destroy());
    }),
  );
  await Promise.all(servers.map((server, index) => listen(server, ip, PORTS_PLAYED[index] ?? 0)));
  return {
    renew: (next) => {
      for (const server of servers) server.setSecureContext(tls(next));
    },
    close: () => {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

const tls = ({ ca, certificate, key }: NodeFiles) => ({
  ...{ ca, cert: certificate, key },
  ...{ requestCert: true, rejectUnauthorized: false },
});

const listen = (server: Server, ip: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, ip, () => resolve());
  });

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  answers: () => Answers | undefined,
): Promise<void> {
  const body = await read(request);
  const now = answers();
  if (now === undefined) {
    // A process that hangs takes connections, and says nothing.
    request.socket.destroy();
    return;
  }
  const known = request.socket instanceof TLSSocket && request.socket.authorized;
  const { code, type, text } = known ? told(`${request.method} ${request.url}`, body, now) : UNKNOWN;
  response.writeHead(code, { "content-type": type }).end(text);
}

async function read(request: IncomingMessage): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += part.length;
    if (bytes > BODY_MAX_BYTES) throw new Error("too long");
    parts.push(part);
  }
  return Buffer.concat(parts);
}

type Told = { readonly code: number; readonly type: string; readonly text: string };
const UNKNOWN: Told = { code: 401, type: "text/plain", text: "a client certificate of the cluster's CA is required" };
const json = (value: unknown): Told => ({ code: 200, type: "application/json", text: JSON.stringify(value) });

function told(asked: string, body: Uint8Array, { status, counters, take }: Answers): Told {
  switch (asked) {
    case "GET /status":
      return json(status);
    case "GET /metrics":
      return { code: 200, type: "text/plain; version=0.0.4", text: metricsText(counters) };
    case `POST ${COUNTERSIGN.path}`:
      return json({ signature: SIGNATURE });
    case "POST /v1/batches":
      return json(take(body));
    default:
      return { code: 404, type: "text/plain", text: `no ${asked}` };
  }
}
