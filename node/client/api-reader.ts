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
  /** Sends a request to one node after another until one takes it, or refuses it for good. Rejects when none answers. */
  send(
    path: string,
    what: { readonly method: "PUT" | "DELETE"; readonly body?: Uint8Array },
    options?: ReadOptions,
  ): Promise<Answer>;
  /** Hands over what one node tells as server-sent events, until the stream ends. */
  listen(
    path: string,
    target: number,
    on: { readonly signal: AbortSignal; readonly opened: () => void; readonly event: (data: string) => void },
  ): Promise<void>;
  close(): void;
};

export type ReadOptions = {
  readonly signal?: AbortSignal;
  /** This node only, by its index. */
  readonly target?: number;
};

const TIMEOUT_MS = 5_000;
/** Without even a heartbeat a stream of events is dead. */
const SILENT_MS = 15_000;
const BODY_BYTES_MAX = 8 * 1024 * 1024;
const ROUNDS = 3;
const PAUSE_MS = 100;
const SOCKETS = 4;

export type Answer = { readonly code: number; readonly body: string };

export function openApiReader(targets: readonly ApiTarget[], ca: Authorities): ApiReader {
  const agents = targets.map(
    ({ servername }) => new Agent({ servername, keepAlive: true, maxSockets: SOCKETS, minVersion: "TLSv1.3" }),
  );
  let preferred = 0;
  const call = (
    index: number,
    path: string,
    signal: AbortSignal | undefined,
    { method = "GET", body: content }: { method?: string; body?: Uint8Array } = {},
  ): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const { host, port, servername } = targets[index] ?? { host: "", port: 0, servername: "" };
      const type =
        content === undefined ? {} : { "content-type": "application/octet-stream", "content-length": content.length };
      const where = {
        agent: agents[index],
        ca: pemOf(ca),
        method,
        host,
        port,
        path,
        headers: { host: servername, ...type },
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
      asked.end(content);
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
  const send: ApiReader["send"] = async (path, what, { signal, target } = {}) => {
    const order = target === undefined ? targets.map((_, step) => (preferred + step) % targets.length) : [target];
    let last: Answer | undefined;
    let problem = "";
    for (let round = 0; round < ROUNDS; round++) {
      for (const index of order) {
        signal?.throwIfAborted();
        try {
          last = await call(index, path, signal, what);
          if (last.code < 500 && last.code !== 429) return last;
        } catch (cause) {
          problem = `${targets[index]?.servername}: ${cause instanceof Error ? cause.message : String(cause)}`;
        }
      }
      await delay(PAUSE_MS, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    }
    signal?.throwIfAborted();
    if (last !== undefined) return last;
    throw new Error(`no node answers ${path}; ${problem}`);
  };
  const listen: ApiReader["listen"] = (path, target, { signal, opened, event }) =>
    new Promise((resolve, reject) => {
      const { host, port, servername } = targets[target] ?? { host: "", port: 0, servername: "" };
      // A connection of its own: it never becomes free for a question.
      const where = {
        agent: false,
        ca: pemOf(ca),
        servername,
        host,
        port,
        path,
        headers: { host: servername },
        signal,
      };
      const asked = request({ ...where, minVersion: "TLSv1.3", timeout: SILENT_MS }, (response) => {
        if (response.statusCode !== 200) {
          response.destroy();
          reject(new Error(`${servername} answers ${response.statusCode}`));
          return;
        }
        opened();
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
          const events = text.split("\n\n");
          text = events.pop() ?? "";
          for (const each of events) {
            const data = /^data: (.*)$/m.exec(each)?.[1];
            if (data !== undefined) event(data);
          }
          if (text.length > BODY_BYTES_MAX) response.destroy(new Error("an event is too long"));
        });
        response.on("error", reject);
        response.on("close", resolve);
      });
      asked.on("timeout", () => asked.destroy(new Error(`silent for ${SILENT_MS} ms`)));
      asked.on("error", reject);
      asked.end();
    });
  return {
    get,
    send,
    listen,
    close: () => {
      for (const agent of agents) agent.destroy();
    },
  };
}

/** Every node would answer the same. */
class WrongQuestion extends Error {
  override readonly name = "WrongQuestion";
}
