import { Agent } from "node:https";
import { type NodeStatus, nodeIdentity, nodeStatusSchema, PORTS } from "../../node/api/contract.ts";
import { accept, type Result, refuse } from "../../node/base/result.ts";
import { readBody, send } from "../runtime/http.ts";
import { parseScrape, type Scrape } from "./scrape.ts";

/** With what the operator is known to the nodes of one network: PEM texts. */
export type Credentials = { readonly ca: string; readonly certificate: string; readonly key: string };

export type Address = {
  readonly ip: string;
  readonly validator: number;
  readonly network: string;
};

const TIMEOUT_MS = 2_000;
/** A finality certificate of 100 validators takes 64 KiB as hexadecimal. */
const STATUS_MAX_BYTES = 512 * 1024;
const METRICS_MAX_BYTES = 2 * 1024 * 1024;

/** Reads the nodes of one network over mutual TLS. */
export type NodeClient = {
  readonly status: (address: Address) => Promise<Result<NodeStatus, "unreachable">>;
  readonly scrape: (address: Address) => Promise<Result<Scrape, "unreachable">>;
  readonly close: () => void;
};

export function createNodeClient({ ca, certificate, key }: Credentials, port: number = PORTS.control): NodeClient {
  const agent = new Agent({ ca, cert: certificate, key, minVersion: "TLSv1.3", keepAlive: true, maxSockets: 2 });
  const get = async (address: Address, path: string, maxBytes: number): Promise<Result<string, "unreachable">> => {
    const host = address.ip.includes(":") ? `[${address.ip}]` : address.ip;
    try {
      const response = await send(new URL(`https://${host}:${port}${path}`), {
        agent,
        // The pod's address says nothing about who answers there; the certificate has to name this validator.
        servername: nodeIdentity(address.validator, address.network),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const body = await readBody(response, maxBytes);
      if (response.statusCode !== 200) return refuse("unreachable", `${path} answers ${response.statusCode}`);
      return accept(body);
    } catch (error) {
      return refuse("unreachable", `${path}: ${reasonOf(error)}`);
    }
  };
  return {
    status: async (address) => {
      const body = await get(address, "/status", STATUS_MAX_BYTES);
      if (!body.ok) return body;
      const status = nodeStatusSchema.safeParse(parsed(body.value));
      if (!status.success) {
        const [issue] = status.error.issues;
        return refuse("unreachable", `/status is not understood: ${issue?.path.join(".")}: ${issue?.message}`);
      }
      const { validator, network } = status.data;
      if (validator !== address.validator || network !== address.network) {
        return refuse("unreachable", `/status speaks for ${nodeIdentity(validator, network)}`);
      }
      return accept(status.data);
    },
    scrape: async (address) => {
      const body = await get(address, "/metrics", METRICS_MAX_BYTES);
      if (!body.ok) return body;
      const scrape = parseScrape(body.value);
      return scrape.ok ? scrape : refuse("unreachable", `/metrics is not understood: ${scrape.detail ?? ""}`);
    },
    close: () => agent.destroy(),
  };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause : error;
  if (cause.name === "TimeoutError" || cause.name === "AbortError") return `no answer within ${TIMEOUT_MS} ms`;
  return cause.message;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
