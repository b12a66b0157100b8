import { writeFileSync } from "node:fs";
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { Agent, createServer, request as send } from "node:https";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream";
import type { ApiCluster } from "../cluster/api.ts";
import { renderKubeconfig } from "../cluster/kubeconfig.ts";

/**
 * Where the connection breaks: before the API server has heard of a write, or after it was done and before its answer. Counted
 * from 0, over all writes or those that `among` fits (`PATCH /api/v1/...`).
 */
export type Cut = { readonly nth: number; readonly when: "before" | "after"; readonly among?: RegExp };

/** Stands between one operator and the API server. */
export type CuttingProxy = {
  readonly kubeconfig: string;
  /** Every write that was asked for, in order; renewals of the Lease apart, which come by the clock. */
  readonly writes: readonly string[];
  /** Breaks off at this write, once. */
  cutAt(cut: Cut, onCut: (write: string) => void): void;
  /** Breaks off every connection; new ones are taken. */
  disconnect(): void;
  close(): void;
};

/** Whom the API server takes the operator for. */
export const OPERATOR_USER = {
  name: "system:serviceaccount:hmn-system:hmn-operator",
  group: "system:serviceaccounts",
} as const;

/** Whether the last of these writes is the one. */
const isReached = ({ nth, among }: Cut, writes: readonly string[]): boolean =>
  among === undefined
    ? writes.length === nth + 1
    : among.test(writes.at(-1) ?? "") && writes.filter((write) => among.test(write)).length === nth + 1;

export async function startCuttingProxy(api: ApiCluster, kubeconfig: string): Promise<CuttingProxy> {
  const own = await api.server();
  const user = await api.client(OPERATOR_USER.name, OPERATOR_USER.group);
  const agent = new Agent({ ca: api.authority, cert: user.certificate, key: user.key, keepAlive: true });
  const writes: string[] = [];
  let cut: { readonly at: Cut; readonly onCut: (write: string) => void } | undefined;

  const server = createServer({ cert: own.certificate, key: own.key }, (request, response) => {
    const { method = "", url = "" } = request;
    const path = url.split("?")[0] ?? "";
    const isWrite = method !== "GET" && !path.includes("/leases");
    if (isWrite) writes.push(`${method} ${path}`);
    const now = isWrite && cut !== undefined && isReached(cut.at, writes) ? cut : undefined;
    if (now === undefined) return forward(request, response);
    cut = undefined;
    const breakOff = (): void => {
      now.onCut(`${method} ${path}`);
      server.closeAllConnections();
    };
    if (now.at.when === "before") return breakOff();
    return forward(request, response, breakOff);
  });
  const forward = (request: IncomingMessage, response: ServerResponse, breakOff?: () => void): void => {
    const { method, url } = request;
    const headers: OutgoingHttpHeaders = { ...request.headers, host: `127.0.0.1:${api.port}` };
    const upstream = send({ host: "127.0.0.1", port: api.port, path: url, method, headers, agent }, (answer) => {
      if (breakOff !== undefined) return void answer.resume().once("end", breakOff);
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      pipeline(answer, response, () => upstream.destroy());
    });
    upstream.once("error", () => response.destroy());
    response.once("close", () => upstream.destroy());
    pipeline(request, upstream, () => {});
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  writeFileSync(kubeconfig, renderKubeconfig(port, api.authority, user), { mode: 0o600 });
  return {
    kubeconfig,
    writes,
    cutAt: (at, onCut) => {
      cut = { at, onCut };
    },
    disconnect: () => server.closeAllConnections(),
    close: () => {
      server.close();
      server.closeAllConnections();
      agent.destroy();
    },
  };
}
