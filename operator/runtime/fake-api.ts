import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createClient } from "./client.ts";
import type { Connection } from "./connection.ts";
import { readBody } from "./http.ts";
import type { Logger } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { issueAuthority, issueLeaf } from "./pki.ts";
import type { Item } from "./resource.ts";
import { createVerbs } from "./verbs.ts";

type Json = Record<string, unknown>;
export type Request = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly contentType: string;
  readonly body: Json | undefined;
};
export type Reply = { readonly status: number; readonly body: unknown };

/**
 * A small API server for tests, over TLS on loopback: objects by path, one counter of versions, preconditions, pages,
 * and watches whose events the test sends itself.
 */
export type FakeApi = {
  readonly connection: Connection;
  /** By path, e.g. `/api/v1/namespaces/a/pods/b`. */
  readonly objects: Map<string, Json>;
  readonly requests: Request[];
  /** Answers instead of the server when it returns something. */
  intercept: (request: Request) => Reply | undefined;
  /** The open watches, oldest first. */
  readonly watches: { readonly query: URLSearchParams; readonly response: ServerResponse }[];
  readonly nextVersion: () => string;
  readonly close: () => Promise<void>;
};

export const status = (code: number, reason: string): Reply => ({
  status: code,
  body: { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message: reason },
});

/** An object as lists and watches send it. */
export function fakeItem(name: string, version: string, more: { namespace?: string; fields?: Json } = {}): Item {
  const { namespace = "a", fields = {} } = more;
  return { ...fields, metadata: { name, namespace, uid: `uid-${name}`, resourceVersion: version } };
}

/** RFC 7396: null removes. */
function merged(before: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const fields = Object.entries(patch).map(([key, value]) => [key, merged(record(before)[key], value)] as const);
  return Object.fromEntries(
    Object.entries({ ...record(before), ...Object.fromEntries(fields) }).filter(([, value]) => value !== null),
  );
}
const record = (value: unknown): Json => (typeof value === "object" && value !== null ? { ...value } : {});

export async function startFakeApi(): Promise<FakeApi> {
  const authority = await issueAuthority("test CA", Date.now());
  const leaf = await issueLeaf({ commonName: "api", dnsNames: ["localhost"] }, authority, Date.now());
  let version = 100;
  const nextVersion = () => String(++version);
  const store = (path: string, object: Json): Json => {
    const before = record(fake.objects.get(path)?.metadata);
    const name = path.split("/").at(-1);
    const metadata = {
      uid: before.uid ?? `uid-${name}`,
      ...record(object.metadata),
      resourceVersion: nextVersion(),
    };
    const kept = { ...object, metadata };
    fake.objects.set(path, kept);
    return kept;
  };

  const answer = (request: Request): Reply => {
    const { method, path, body = {} } = request;
    const given = fake.intercept(request);
    if (given !== undefined) return given;
    const target = path.replace(/\/(status|eviction)$/, "");
    const before = fake.objects.get(target);
    const metadata = record(body.metadata);
    const known = record(before?.metadata);
    switch (method) {
      case "GET": {
        if (before !== undefined) return { status: 200, body: before };
        const inside = [...fake.objects].filter(([key]) => key.startsWith(`${path}/`)).map(([, object]) => object);
        if (/s$/.test(path) && request.query.has("limit")) return listed(inside, request.query, version);
        return status(404, "NotFound");
      }
      case "POST": {
        if (path.endsWith("/eviction") || before !== undefined) return { status: 201, body: {} };
        const created = `${path}/${metadata.name}`;
        if (fake.objects.has(created)) return status(409, "AlreadyExists");
        return { status: 201, body: store(created, body) };
      }
      case "PUT":
        if (before === undefined) return status(404, "NotFound");
        if (metadata.resourceVersion !== known.resourceVersion) return status(409, "Conflict");
        return { status: 200, body: store(target, { ...before, ...body, metadata: { ...known, ...metadata } }) };
      case "PATCH":
        if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== known.resourceVersion) {
          return status(409, "Conflict");
        }
        if (before !== undefined && metadata.uid !== undefined && metadata.uid !== known.uid) {
          return status(409, "Conflict");
        }
        if (before === undefined && request.contentType !== "application/apply-patch+yaml") {
          return status(404, "NotFound");
        }
        if (request.contentType === "application/merge-patch+json")
          return { status: 200, body: store(target, record(merged(before, body))) };
        return { status: 200, body: store(target, { ...before, ...body, metadata: { ...known, ...metadata } }) };
      case "DELETE":
        if (before === undefined) return status(404, "NotFound");
        if (record(body.preconditions).uid !== known.uid) return status(409, "Conflict");
        fake.objects.delete(path);
        return { status: 200, body: {} };
      default:
        return status(405, "MethodNotAllowed");
    }
  };
  const handle = async (incoming: IncomingMessage, response: ServerResponse) => {
    const url = new URL(incoming.url ?? "/", "https://localhost");
    const text = await readBody(incoming, 1 << 20);
    const request: Request = {
      method: incoming.method ?? "",
      path: url.pathname,
      query: url.searchParams,
      contentType: incoming.headers["content-type"] ?? "",
      body: text === "" ? undefined : JSON.parse(text),
    };
    fake.requests.push(request);
    if (request.query.get("watch") === "true") {
      const refused = fake.intercept(request);
      if (refused === undefined) {
        response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
        fake.watches.push({ query: request.query, response });
        return;
      }
      response.writeHead(refused.status).end(JSON.stringify(refused.body));
      return;
    }
    const reply = answer(request);
    response.writeHead(reply.status, { "content-type": "application/json" });
    response.end(typeof reply.body === "string" ? reply.body : JSON.stringify(reply.body));
  };
  const server = createServer({ key: leaf.key, cert: leaf.certificate }, (request, response) => {
    handle(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const agent = new Agent({ ca: authority.certificate, servername: "localhost", keepAlive: true });
  const { port } = server.address() as AddressInfo;
  const fake: FakeApi = {
    connection: {
      server: new URL(`https://127.0.0.1:${port}`),
      namespace: "a",
      options: async () => ({ agent }),
    },
    objects: new Map(),
    requests: [],
    intercept: () => undefined,
    watches: [],
    nextVersion,
    close: () =>
      new Promise((resolve) => {
        agent.destroy();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return fake;
}

/** Pages as the API server makes them: the token says where to go on. */
function listed(items: readonly Json[], query: URLSearchParams, version: number): Reply {
  const limit = Number(query.get("limit"));
  const from = Number(query.get("continue") ?? 0);
  const more = from + limit < items.length;
  return {
    status: 200,
    body: {
      kind: "List",
      metadata: { resourceVersion: String(version), ...(more ? { continue: String(from + limit) } : {}) },
      items: items.slice(from, from + limit),
    },
  };
}

/** Keeps what is logged, for tests that read it. */
export function memoryLog(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const write =
    (level: string) =>
    (...parts: unknown[]) => {
      const said = parts.map((part) =>
        JSON.stringify(part, (_, value: unknown) => (value instanceof Error ? value.message : value)),
      );
      lines.push(`${level} ${said.join(" ")}`);
    };
  return {
    lines,
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    fatal: write("fatal"),
  };
}

/** A real API server turns stringData into data; a leaf is signed with what it holds. */
export const readsSecrets =
  ({ objects }: Pick<FakeApi, "objects">): FakeApi["intercept"] =>
  ({ method, path }) => {
    const secret = objects.get(path);
    if (method !== "GET" || secret === undefined) return undefined;
    const encoded = Object.entries(Object(secret.stringData)).map(([key, text]) => [key, btoa(String(text))]);
    return { status: 200, body: { ...secret, data: Object.fromEntries(encoded) } };
  };

/** Client, verbs, metrics and log over a fake API server. */
export async function fakeParts() {
  const api = await startFakeApi();
  const metrics = createMetrics();
  const client = createClient(api.connection, metrics, "test");
  return { api, metrics, client, verbs: createVerbs(client, "tester"), log: memoryLog() };
}
