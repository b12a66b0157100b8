import { Agent } from "node:https";
import { createSecureContext } from "node:tls";
import { z } from "zod";
import { COUNTERSIGN, type NodeStatus, nodeIdentity, nodeStatusSchema, PORTS } from "../../node/api/contract.ts";
import { type Hex, toHex } from "../../node/base/bytes.ts";
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
/** A connection that nobody uses is given up: to thousands of nodes that are read seldom they would take hundreds of MiB. */
const IDLE_MS = 5_000;
/** A finality certificate of 100 validators takes 64 KiB as hexadecimal. */
const STATUS_MAX_BYTES = 512 * 1024;
/** A block has to hold the order before the answer comes. */
const ORDER_TIMEOUT_MS = 10_000;
const ANSWER_MAX_BYTES = 16 * 1024;
const JSON_TYPE = "application/json";
/** What of the answer to a batch is looked at. */
const committed = z.object({ failures: z.array(z.object({ code: z.string().max(64) })) });
const METRICS_MAX_BYTES = 2 * 1024 * 1024;

/** Reads the nodes of one network over mutual TLS. */
export type NodeClient = {
  readonly status: (address: Address) => Promise<Result<NodeStatus, "unreachable">>;
  readonly scrape: (address: Address) => Promise<Result<Scrape, "unreachable">>;
  /** The vote key's signature under an order about this node's validator, hexadecimal. */
  readonly countersign: (address: Address, body: Uint8Array) => Promise<Result<Hex, "unreachable">>;
  /** Hands over a signed batch; accepted when a block holds it and every record of it was applied. */
  readonly submit: (address: Address, batch: Uint8Array) => Promise<Result<void, "unreachable" | "refused">>;
  readonly close: () => void;
};

export function createNodeClient(
  { ca, certificate, key }: Credentials,
  port: number = PORTS.control,
  apiPort: number = PORTS.api,
): NodeClient {
  let agent: Agent | undefined;
  /** One context for all connections: to read certificates and key anew takes as long as a handshake. Throws if they are none. */
  const connections = (): Agent => {
    agent ??= new Agent({
      secureContext: createSecureContext({ ca, cert: certificate, key, minVersion: "TLSv1.3" }),
      ...{ keepAlive: true, maxSockets: 2, timeout: IDLE_MS },
    });
    return agent;
  };
  const get = async (address: Address, path: string, maxBytes: number): Promise<Result<string, "unreachable">> => {
    const host = address.ip.includes(":") ? `[${address.ip}]` : address.ip;
    try {
      const response = await send(new URL(`https://${host}:${port}${path}`), {
        agent: connections(),
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
  const post = async (
    address: Address,
    to: { readonly port: number; readonly path: string; readonly type: string },
    body: string | Uint8Array,
  ): Promise<Result<{ code: number; body: string }, "unreachable">> => {
    const host = address.ip.includes(":") ? `[${address.ip}]` : address.ip;
    try {
      const options = {
        agent: connections(),
        method: "POST",
        headers: { "content-type": to.type },
        servername: nodeIdentity(address.validator, address.network),
        signal: AbortSignal.timeout(ORDER_TIMEOUT_MS),
      };
      const response = await send(new URL(`https://${host}:${to.port}${to.path}`), options, body);
      return accept({ code: response.statusCode ?? 0, body: await readBody(response, ANSWER_MAX_BYTES) });
    } catch (error) {
      return refuse("unreachable", `${to.path}: ${reasonOf(error)}`);
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
    countersign: async (address, body) => {
      const asked: z.input<typeof COUNTERSIGN.request> = { body: toHex(body) };
      const answer = await post(address, { port, path: COUNTERSIGN.path, type: JSON_TYPE }, JSON.stringify(asked));
      if (!answer.ok) return answer;
      const { code, body: text } = answer.value;
      const signed = COUNTERSIGN.answer.safeParse(parsed(text));
      return code === 200 && signed.success
        ? accept(signed.data.signature)
        : refuse("unreachable", `${COUNTERSIGN.path} answers ${code}: ${text.slice(0, 200)}`);
    },
    submit: async (address, batch) => {
      const where = { port: apiPort, path: "/v1/batches", type: "application/octet-stream" };
      const answer = await post(address, where, batch);
      if (!answer.ok) return answer;
      const { code, body } = answer.value;
      if (code !== 200) return refuse("refused", `${where.path} answers ${code}: ${body.slice(0, 200)}`);
      const result = committed.safeParse(parsed(body));
      if (!result.success) return refuse("unreachable", `${where.path} is not understood`);
      const [failure] = result.data.failures;
      return failure === undefined ? accept(undefined) : refuse("refused", failure.code);
    },
    close: () => agent?.destroy(),
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
