import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";

export type ProbeServer = { readonly port: number; readonly close: () => Promise<void> };

/** `/metrics` for Prometheus, `/healthz` and `/readyz` for the kubelet. */
export async function startProbeServer(options: {
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  /** Sets gauges that are only worth setting when somebody looks. */
  readonly measure: () => void;
  /** Why the process is not ready, or undefined. */
  readonly notReady: () => string | undefined;
}): Promise<ProbeServer> {
  const server: Server = createServer((request, response) => {
    const answer = (status: number, text: string, type = "text/plain; charset=utf-8") => {
      response.writeHead(status, { "content-type": type }).end(text);
    };
    switch (request.url) {
      case "/healthz":
        return answer(200, "ok\n");
      case "/readyz": {
        const reason = options.notReady();
        return reason === undefined ? answer(200, "ok\n") : answer(503, `${reason}\n`);
      }
      case "/metrics":
        options.measure();
        options.registry.metrics().then(
          (text) => answer(200, text, options.registry.contentType),
          (error: unknown) => answer(500, `${String(error)}\n`),
        );
        return;
      default:
        return answer(404, "/metrics, /healthz, /readyz\n");
    }
  });
  server.requestTimeout = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
