import { readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { ENVIRONMENT, nodeIdentity, observerId, PATHS } from "../api/contract.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { readNetwork } from "../shell-network.ts";
import type { World } from "./command.ts";
import type { Flags } from "./flags.ts";

/** How to reach a node: inside its own container nothing of it needs to be said. */
export const REACH_FLAGS = {
  node: {
    value: "HOST:PORT/NAME",
    help: "the node, and the name in its certificate, e.g. 127.0.0.1:8000/0.payments; this one without",
  },
  tls: { value: "DIR", help: `folder with ca.crt, tls.crt and tls.key; HMN_TLS or ${PATHS.tls} without` },
  ca: { value: "FILE", help: "the network's CA bundle, instead of --tls where no certificate is asked for" },
} as const satisfies Flags;

export type Address = { readonly host: string; readonly port: number; readonly servername: string };

export type Reach = {
  readonly address: Address;
  readonly ca: string;
  /** Absent where only a CA bundle was named. */
  readonly identity: { readonly cert: string; readonly key: string } | undefined;
};

/** Where the flags point; `port` is taken where they name none. */
export function reachOf(
  flags: { text(name: keyof typeof REACH_FLAGS): string | undefined },
  { environment }: World,
  port: number,
): Result<Reach, "usage"> {
  const address =
    flags.text("node") === undefined ? ownAddress(environment, port) : parseAddress(flags.text("node") ?? "");
  if (!address.ok) return address;
  try {
    const ca = flags.text("ca");
    if (ca !== undefined) return accept({ address: address.value, ca: readFileSync(ca, "utf8"), identity: undefined });
    const folder = flags.text("tls") ?? environment.HMN_TLS ?? PATHS.tls;
    const file = (name: string): string => readFileSync(join(folder, name), "utf8");
    const identity = { cert: file("tls.crt"), key: file("tls.key") };
    return accept({ address: address.value, ca: file("ca.crt"), identity });
  } catch (cause) {
    return refuse("usage", `--tls or --ca: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

export function parseAddress(text: string): Result<Address, "usage"> {
  const [, host = "", port = "", servername = ""] = /^(.+):([0-9]{1,5})\/([^/]+)$/.exec(text) ?? [];
  if (host === "" || Number(port) < 1 || Number(port) > 65_535) {
    return refuse("usage", `--node: ${JSON.stringify(text)} is not HOST:PORT/NAME`);
  }
  return accept({ host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port), servername });
}

/** The node in whose container this runs. */
function ownAddress(environment: NodeJS.ProcessEnv, port: number): Result<Address, "usage"> {
  const { [ENVIRONMENT.validator]: validator, [ENVIRONMENT.observer]: observer } = environment;
  try {
    if (validator === undefined && observer === undefined) throw new Error(`${ENVIRONMENT.validator} is not set`);
    const id = validator === undefined ? observerId(Number(observer)) : Number(validator);
    const { network } = readNetwork(environment.HMN_CONFIG ?? PATHS.config);
    return accept({ host: environment.HMN_HOST ?? "127.0.0.1", port, servername: nodeIdentity(id, network) });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return refuse("usage", `--node is needed, as this is not a node's own container: ${why}`);
  }
}

export type Answer = { readonly code: number; readonly body: string };

const TIMEOUT_MS = 5_000;
const BODY_BYTES_MAX = 16 * 1024 * 1024;

/** One GET. Rejects with what a person can act on. */
export function get({ address, ca, identity }: Reach, path: string): Promise<Answer> {
  const { host, port, servername } = address;
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(new Error(`${servername} at ${host}:${port}: ${cause.message}`, { cause }));
    const where = {
      host,
      port,
      servername,
      path,
      ca,
      agent: false,
      timeout: TIMEOUT_MS,
      headers: { host: servername },
    };
    const call = request({ ...where, ...identity }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
        if (body.length > BODY_BYTES_MAX) response.destroy(new Error("the answer is too long"));
      });
      response.on("error", fail);
      response.on("end", () => resolve({ code: response.statusCode ?? 0, body }));
    });
    call.on("timeout", () => call.destroy(new Error(`no answer in ${TIMEOUT_MS} ms`)));
    call.on("error", fail);
    call.end();
  });
}
