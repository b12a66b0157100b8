import type { IncomingMessage } from "node:http";
import type { RequestOptions } from "node:https";
import { ApiError, apiError } from "./api-error.ts";
import type { Connection } from "./connection.ts";
import { readBody, send } from "./http.ts";
import type { Metrics } from "./metrics.ts";
import { type Place, pathOf } from "./resource.ts";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
export type Call = {
  readonly method: Method;
  readonly place: Place;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
};

/** A page of 250 HmnRollouts of 256 KiB is the largest answer that can be asked for. */
const ANSWER_MAX_BYTES = 96 * 1024 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;
const ERROR_MAX_BYTES = 1024 * 1024;

/** Speaks JSON with an API server. Knows paths, not kinds. */
export type Client = {
  /** The parsed answer. Throws ApiError for everything but 2xx. */
  readonly json: (call: Call) => Promise<unknown>;
  /** The answer as text, at most `maxBytes` of it. */
  readonly text: (call: Call, maxBytes: number) => Promise<string>;
  /** The open answer, for watches. The caller ends it. */
  readonly stream: (call: Call) => Promise<IncomingMessage>;
  readonly namespace: string;
};

export function createClient(connection: Connection, metrics: Metrics, userAgent: string): Client {
  const { server } = connection;
  const open = async (call: Call, timeoutMs?: number): Promise<IncomingMessage> => {
    const url = new URL(pathOf(call.place), server);
    // A kubeconfig may name a server below a path (as Rancher's proxies do).
    if (server.pathname !== "/") url.pathname = server.pathname.replace(/\/$/, "") + url.pathname;
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const options = await connection.options();
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    const headers: Record<string, string | number> = { accept: "application/json", "user-agent": userAgent };
    for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value);
    if (body !== undefined) {
      headers["content-type"] = call.contentType ?? "application/json";
      headers["content-length"] = Buffer.byteLength(body);
    }
    const signals: AbortSignal[] = [];
    if (call.signal !== undefined) signals.push(call.signal);
    if (timeoutMs !== undefined) signals.push(AbortSignal.timeout(timeoutMs));
    const request: RequestOptions = { ...options, method: call.method, headers };
    if (signals.length > 0) request.signal = AbortSignal.any(signals);
    const done = metrics.requestTime.startTimer({ verb: call.method, host: server.host });
    const count = (code: string) => metrics.requests.inc({ code, method: call.method, host: server.host });
    let response: IncomingMessage;
    try {
      response = await send(url, request, body);
    } catch (error) {
      count("<error>");
      throw error;
    }
    done();
    const status = response.statusCode ?? 0;
    count(String(status));
    if (status >= 200 && status < 300) return response;
    const what = `${call.method} ${url.pathname}`;
    throw apiError(status, parsed(await bodyOf(response, ERROR_MAX_BYTES, what)), what);
  };
  return {
    namespace: connection.namespace,
    stream: (call) => open(call),
    text: async (call, maxBytes) =>
      bodyOf(await open(call, REQUEST_TIMEOUT_MS), maxBytes, `${call.method} ${pathOf(call.place)}`),
    json: async (call) => {
      const what = `${call.method} ${pathOf(call.place)}`;
      const response = await open(call, REQUEST_TIMEOUT_MS);
      const text = await bodyOf(response, ANSWER_MAX_BYTES, what);
      try {
        return JSON.parse(text);
      } catch (cause) {
        throw new ApiError(response.statusCode ?? 0, "NotJson", `${what}: the answer is not JSON`, { cause });
      }
    },
  };
}

async function bodyOf(response: IncomingMessage, maxBytes: number, what: string): Promise<string> {
  try {
    return await readBody(response, maxBytes);
  } catch (cause) {
    throw new ApiError(0, "Interrupted", `${what}: the answer broke off`, { cause });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
