import type { FastifyReply, FastifyRequest } from "fastify";
import type { Logger } from "pino";
import { z } from "zod";
import type { MemoryEntry } from "../codec/memory-entry.ts";
import type { Credentials } from "../transport/credentials.ts";
import type { GateLimits } from "../transport/gate.ts";
import { type BatchCalls, batchCalls } from "./batch-call.ts";
import { type EventStream, openEventStream } from "./event-stream.ts";
import type { Intake } from "./intake.ts";
import type { ApiError } from "./json-contract.ts";
import { type MemoryCalls, type MemoryWrite, memoryCalls } from "./memory-call.ts";
import { summaryOf } from "./memory-routes.ts";
import type { Metrics } from "./metrics.ts";
import { openApi } from "./openapi.ts";
import { isRefused, type Route, type Source } from "./route.ts";
import { ROUTES } from "./routes.ts";
import { type HttpsApp, type HttpsTiming, httpsApp, type Listen, listenOn } from "./tls-server.ts";

export type JsonApiOptions = Source & {
  readonly listen: Listen;
  readonly credentials: Credentials;
  readonly intake: Intake;
  readonly metrics: Metrics;
  readonly version: string;
  readonly log: Logger;
  readonly connections?: GateLimits;
  readonly timing?: HttpsTiming;
};

export type JsonApi = {
  readonly port: number;
  /** Tells everybody who listens to `/v1/events`. */
  blockExecuted(block: { readonly height: number; readonly applied: number; readonly resultsHash: string }): void;
  /** Tells everybody who listens to `/v1/memory/watch`. */
  memoryChanged(entry: MemoryEntry): void;
  close(): Promise<void>;
};

/** The ledger and the memory mesh as JSON, for people, checks and programs that speak no client protocol: every route of the table. */
export async function startJsonApi(options: JsonApiOptions): Promise<JsonApi> {
  const { credentials, metrics, connections, timing } = options;
  const app = httpsApp(credentials, {
    clients: false,
    onRefused: (reason) => metrics.connectionRefused("api", reason),
    ...(connections === undefined ? {} : { connections }),
    ...(timing === undefined ? {} : { timing }),
  });
  const onCutOff = (): void => metrics.connectionRefused("api", "slow");
  const events = openEventStream({ onCutOff });
  const changes = openEventStream({ onCutOff });
  let lastChange = 0;
  const writes = memoryCalls(options.memory);
  const calls = batchCalls(options.intake);
  // Made once, when somebody wants it.
  let document: object | undefined;

  app.removeAllContentTypeParsers();
  app.setNotFoundHandler((_request, reply) => json(reply, 404, { error: "no such path", field: "path" }));
  app.setErrorHandler((error, request, reply) => {
    if (codeOf(error) >= 500) options.log.error({ err: error, path: request.url }, "question not answered");
    return json(reply, codeOf(error), bodyOf(error));
  });
  for (const route of ROUTES) {
    if (route.body !== undefined && !app.hasContentTypeParser(route.body.type)) takeBytes(app, route.body);
    app.route({
      method: route.method,
      url: route.path.replaceAll(/{(\w+)}/g, ":$1"),
      ...(route.body === undefined ? {} : { bodyLimit: route.body.maxBytes }),
      handler: async (request, reply) => {
        const params = checked(route.params, request.params);
        const query = checked(route.query, request.query);
        if (!params.ok) return json(reply, 400, params.error);
        if (!query.ok) return json(reply, 400, query.error);
        switch (route.answer) {
          case "batch":
            return postBatch(calls, request, reply);
          case "memory":
            return writeMemory(writes, { ...Object(params.value), ...Object(query.value) }, request, reply);
          case "events":
            return listen(events, reply);
          case "memory-events":
            return listen(changes, reply);
          case "openapi":
            document ??= openApi(options.version);
            return json(reply, 200, document);
          default:
            return found(route, reply, await route.answer({ params: params.value, query: query.value }, options));
        }
      },
    });
  }
  const port = await listenOn(app, options.listen);
  return {
    port,
    blockExecuted: (block) => events.publish({ name: "block", id: block.height, data: block }),
    memoryChanged: (entry) => {
      lastChange += 1;
      changes.publish({ name: "memory", id: lastChange, data: { ...summaryOf(entry), clock: `${entry.clock}` } });
    },
    close: () => {
      events.close();
      changes.close();
      return app.close();
    },
  };
}

function found(route: Route, reply: FastifyReply, value: object | undefined): FastifyReply {
  const field = Object.keys(route.params.shape)[0] ?? "path";
  if (value === undefined) return json(reply, 404, { error: `no such ${route.noun}`, field });
  if (isRefused(value) && value.reason === "too-far-back")
    return json(reply, 400, { error: `height: ${value.detail}`, field: "height" });
  if (isRefused(value))
    return json(reply, 503, { error: `${value.detail}: later, or at another node`, field, retryable: true });
  return json(reply, 200, described(route.answers[200]?.schema, value));
}

/** Only what the schema names: what else the ledger keeps beside it is nobody's contract. */
function described(schema: unknown, value: unknown): unknown {
  if (schema instanceof z.ZodArray && Array.isArray(value)) return value.map((item) => described(schema.element, item));
  if (!(schema instanceof z.ZodObject) || typeof value !== "object" || value === null) return value;
  const fields = Object.entries(schema.shape);
  return Object.fromEntries(fields.map(([name, field]) => [name, described(field, Reflect.get(value, name))]));
}

async function postBatch(calls: BatchCalls, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { body } = request;
  if (!(body instanceof Uint8Array)) {
    return json(reply, 415, { error: "body: application/octet-stream is needed", field: "body" });
  }
  const answer = await calls.post(body, (forget) => {
    request.raw.socket.once("close", forget);
    reply.raw.once("close", () => request.raw.socket.off("close", forget));
  });
  return json(reply, answer.code, answer.body);
}

async function writeMemory(
  writes: MemoryCalls,
  version: Omit<MemoryWrite, "content">,
  { method, body, headers }: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const isEmpty = headers["content-length"] === "0" || (body === undefined && method === "DELETE");
  const content = body instanceof Uint8Array ? body : isEmpty ? new Uint8Array() : undefined;
  if (content === undefined) {
    return json(reply, 415, { error: "body: application/octet-stream is needed", field: "body" });
  }
  const answer = await writes.write({ ...version, content: method === "DELETE" ? undefined : content });
  return json(reply, answer.code, answer.body);
}

function listen(events: EventStream, reply: FastifyReply): FastifyReply {
  if (!events.add(reply.raw)) return json(reply, 503, { error: "too many listeners: later, or at another node" });
  return reply.hijack();
}

/** Bodies are bounded before they are read. */
const takeBytes = (app: HttpsApp, { type, maxBytes }: { type: string; maxBytes: number }): void => {
  app.addContentTypeParser(type, { parseAs: "buffer", bodyLimit: maxBytes }, (_request, body, done) =>
    done(null, body),
  );
};

type Checked = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: ApiError };

function checked(schema: z.ZodType, input: unknown): Checked {
  const parsed = schema.safeParse(input);
  if (parsed.success) return { ok: true, value: parsed.data };
  const [issue] = parsed.error.issues;
  // A field that nobody knows has no path: it is named itself.
  const field = issue?.code === "unrecognized_keys" ? (issue.keys[0] ?? "") : (issue?.path.join(".") ?? "");
  return { ok: false, error: { error: `${field}: ${issue?.message ?? "malformed"}`, field } };
}

/** What Fastify itself refuses is about the request's body or its head. */
const codeOf = (error: unknown): number =>
  error instanceof Error && "statusCode" in error && typeof error.statusCode === "number" ? error.statusCode : 500;
function bodyOf(error: unknown): ApiError {
  const code = codeOf(error);
  if (code >= 500) return { error: "this node failed to answer" };
  const message = error instanceof Error ? error.message : String(error);
  return { error: `body: ${message}`, field: "body" };
}

const json = (reply: FastifyReply, code: number, value: unknown): FastifyReply =>
  reply
    .code(code)
    .type("application/json; charset=utf-8")
    .send(JSON.stringify(value, (_key, part: unknown) => (typeof part === "bigint" ? part.toString() : part)));
