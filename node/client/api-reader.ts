import { Agent, request } from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import type { z } from "zod";
import { errorSchema } from "../api/json-contract.ts";
import { type Authorities, pemOf } from "./authorities.ts";

/** The JSON API of one node. */
export type ApiTarget = { readonly host: string; readonly port: number; readonly servername: string };

/** Reads the JSON API of any node that answers, asking one after another. */
export type ApiReader = {
  /** Undefined where there is no such thing. Rejects when no node answers, or for a question that is wrong. */
  get<S extends z.ZodType>(path: string, schema: S, options?: ReadOptions): Promise<z.output<S> | undefined>;
  close(): void;
};

export type ReadOptions = {
  readonly signal?: AbortSignal;
  /** This node only, by its index. */
  readonly target?: number;
};

const TIMEOUT_MS = 5_000;
const BODY_BYTES_MAX = 8 * 1024 * 1024;
const ROUNDS = 3;
const PAUSE_MS = 100;
const SOCKETS = 4;

type Answer = { readonly code: number; readonly body: string };

export function openApiReader(targets: readonly ApiTarget[], ca: Authorities): ApiReader {
  const agents = targets.map(
    ({ servername }) => new Agent({ servername, keepAlive: true, maxSockets: SOCKETS, minVersion: "TLSv1.3" }),
  );
  let preferred = 0;
  const call = (index: number, path: string, signal: AbortSignal | undefined): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const { host, port, servername } = targets[index] ?? { host: "", port: 0, servername: "" };
      const where = {
        agent: agents[index],
        ca: pemOf(ca),
        host,
        port,
        path,
        headers: { host: servername },
        timeout: TIMEOUT_MS,
      };
      const asked = request({ ...where, ...(signal === undefined ? {} : { signal }) }, (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          body += chunk;
          if (body.length > BODY_BYTES_MAX) response.destroy(new Error("the answer is too long"));
        });
        response.on("error", reject);
        response.on("end", () => resolve({ code: response.statusCode ?? 0, body }));
      });
      asked.on("timeout", () => asked.destroy(new Error(`no answer in ${TIMEOUT_MS} ms`)));
      asked.on("error", reject);
      asked.end();
    });

  const get: ApiReader["get"] = async (path, schema, { signal, target } = {}) => {
    const order = target === undefined ? targets.map((_, step) => (preferred + step) % targets.length) : [target];
    let problem = "";
    for (let round = 0; round < ROUNDS; round++) {
      for (const index of order) {
        signal?.throwIfAborted();
        try {
          const { code, body } = await call(index, path, signal);
          if (code === 200) {
            const value = schema.parse(JSON.parse(body));
            preferred = index;
            return value;
          }
          if (code === 404) return undefined;
          const said = errorSchema.safeParse(JSON.parse(body));
          problem = `${targets[index]?.servername} answers ${code}: ${said.success ? said.data.error : body.slice(0, 200)}`;
          if (code >= 400 && code < 500 && code !== 429) throw new WrongQuestion(problem);
        } catch (cause) {
          if (cause instanceof WrongQuestion) throw cause;
          problem = `${targets[index]?.servername}: ${cause instanceof Error ? cause.message : String(cause)}`;
        }
      }
      await delay(PAUSE_MS, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    }
    signal?.throwIfAborted();
    throw new Error(`no node answers ${path}; ${problem}`);
  };
  return {
    get,
    close: () => {
      for (const agent of agents) agent.destroy();
    },
  };
}

/** Every node would answer the same. */
class WrongQuestion extends Error {
  override readonly name = "WrongQuestion";
}
