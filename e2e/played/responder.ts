import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import { TLSSocket } from "node:tls";
import { type NodeStatus, PORTS } from "../../node/api/contract.ts";
import { type Counters, metricsText } from "./counters.ts";

/** With what a node is known: PEM texts. */
export type NodeFiles = { readonly ca: string; readonly certificate: string; readonly key: string };
/** What a node has to say at this moment; undefined while its process hangs or is down. */
export type Answers = { readonly status: NodeStatus; readonly counters: Counters };

export type Responder = {
  /** Shows other certificates from the next connection on. */
  renew(files: NodeFiles): void;
  close(): void;
};

/** Plays the control port of one node (node/api/contract.ts) over mutual TLS, on the address of its pod. */
export async function startResponder(
  ip: string,
  files: NodeFiles,
  answers: () => Answers | undefined,
): Promise<Responder> {
  const control = createServer({ ...tls(files), minVersion: "TLSv1.3" }, (request, response) =>
    answer(request, response, answers()),
  );
  await listen(control, ip, PORTS.control);
  return {
    renew: (next) => control.setSecureContext(tls(next)),
    close: () => {
      control.close();
      control.closeAllConnections();
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

function answer(request: IncomingMessage, response: ServerResponse, answers: Answers | undefined): void {
  if (answers === undefined) {
    // A process that hangs takes connections, and says nothing.
    request.socket.destroy();
    return;
  }
  const known = request.socket instanceof TLSSocket && request.socket.authorized;
  const { code, type, body } = known ? told(request.url ?? "", answers) : UNKNOWN;
  response.writeHead(code, { "content-type": type }).end(body);
}

const UNKNOWN = { code: 401, type: "text/plain", body: "a client certificate of the cluster's CA is required" };

function told(path: string, { status, counters }: Answers): { code: number; type: string; body: string } {
  switch (path) {
    case "/status":
      return { code: 200, type: "application/json", body: JSON.stringify(status) };
    case "/metrics":
      return { code: 200, type: "text/plain; version=0.0.4", body: metricsText(counters) };
    default:
      return { code: 404, type: "text/plain", body: `no ${path}` };
  }
}
