import fastify from "fastify";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { Snapshot } from "../observe/snapshot.ts";
import type { Action } from "../reconcile/actions.ts";
import { createApplier } from "../reconcile/apply.ts";
import { createClaimFaults } from "../reconcile/claim-faults.ts";
import { createOrders } from "../reconcile/orders.ts";
import { createReconciler } from "../reconcile/reconciler.ts";
import { createRecorder } from "../runtime/events.ts";
import { fakeItem, fakeParts, readsSecrets, status } from "../runtime/fake-api.ts";
import { startExporter } from "./exporter.ts";
import { createTracer } from "./tracer.ts";

const id = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
const attributes = z.array(
  z.strictObject({
    key: z.string(),
    value: z.union([
      z.strictObject({ stringValue: z.string() }),
      z.strictObject({ intValue: z.string().regex(/^-?\d+$/) }),
    ]),
  }),
);
const spanSchema = z.strictObject({
  traceId: id(32),
  spanId: id(16),
  parentSpanId: id(16).optional(),
  name: z.string().min(1),
  kind: z.literal(1),
  startTimeUnixNano: z.string().regex(/^\d{19}$/),
  endTimeUnixNano: z.string().regex(/^\d{19}$/),
  attributes,
  status: z.strictObject({ code: z.union([z.literal(0), z.literal(2)]) }),
});
/** `ExportTraceServiceRequest`, as far as it is used: names and forms of opentelemetry-proto 1.x, JSON mapping. */
const requestSchema = z.strictObject({
  resourceSpans: z.array(
    z.strictObject({
      resource: z.strictObject({ attributes }),
      scopeSpans: z.array(z.strictObject({ scope: z.strictObject({ name: z.string() }), spans: z.array(spanSchema) })),
    }),
  ),
});
type TakenSpan = z.output<typeof spanSchema>;

/** A fake collector: takes what the protocol allows, and nothing else. */
async function startFakeCollector() {
  const server = fastify({ bodyLimit: 8 * 2 ** 20 });
  const spans: TakenSpan[] = [];
  const texts: string[] = [];
  const answer = { code: 200 };
  server.post("/v1/traces", async (request, reply) => {
    if (answer.code !== 200) return reply.code(answer.code).send({});
    const read = requestSchema.safeParse(request.body);
    if (!read.success) return reply.code(400).send({ message: read.error.message });
    texts.push(JSON.stringify(request.body));
    for (const { scopeSpans } of read.data.resourceSpans) for (const scope of scopeSpans) spans.push(...scope.spans);
    return { partialSuccess: {} };
  });
  const url = await server.listen({ host: "127.0.0.1", port: 0 });
  return { endpoint: `${url}/v1/traces`, spans, texts, answer, close: () => server.close() };
}

let collector: Awaited<ReturnType<typeof startFakeCollector>>;
let parts: Awaited<ReturnType<typeof fakeParts>>;
beforeEach(async () => {
  collector = await startFakeCollector();
  parts = await fakeParts();
});
afterEach(async () => {
  await collector.close();
  await parts.api.close();
});

const exporter = () =>
  startExporter({ endpoint: collector.endpoint, resource: { "service.name": "hmn-operator" }, log: parts.log });

const issue = (what: "authority" | "leaf", secret: string): Action => ({
  ...{ type: "issue", what, secret, commonName: "payments", labels: {} },
  ...(what === "leaf" ? { issuer: "c-ca", dnsNames: ["0.payments"] } : { dnsNames: [] }),
});

/** One look at a cluster, with the real reconciler and applier on a fake API server. */
async function reconcile(actions: readonly Action[]) {
  const { verbs, log, metrics } = parts;
  const taken = exporter();
  const ownWrites = { expect: () => undefined, settled: () => true, forget: () => undefined };
  const recorder = createRecorder({ verbs, log, metrics, controller: "hmn.dev/test", instance: "i" });
  const caches = { get: () => undefined, items: () => [], ofCluster: () => [] };
  const look = createReconciler({
    cluster: () => fakeItem("c", "5"),
    observe: () => ({ now: 1 }) as Snapshot,
    decide: () => ({ actions, requeueAfterMs: 5_000 }),
    apply: createApplier({
      ...{ verbs, caches, recorder, ownWrites, metrics, log },
      ...{ orders: createOrders(), claimFaults: createClaimFaults() },
    }),
    ownWrites,
    fleets: { begun: () => undefined, shown: () => undefined },
    log,
    tracer: createTracer(taken.take),
  });
  await look("a/c").catch(() => undefined);
  await taken.stop();
  return collector.spans;
}

const attribute = (span: TakenSpan | undefined, key: string): unknown =>
  Object.values(span?.attributes.find((one) => one.key === key)?.value ?? {})[0];

test("a reconcile is one trace: what was read, what was decided, and each write with its object's name", async () => {
  parts.api.intercept = readsSecrets(parts.api);
  const spans = await reconcile([issue("authority", "c-ca"), issue("leaf", "c-0-tls")]);
  const root = spans.find(({ parentSpanId }) => parentSpanId === undefined);
  expect(root?.name).toBe("reconcile");
  expect(attribute(root, "hmn.cluster")).toBe("a/c");
  expect(attribute(root, "hmn.outcome")).toBe("done");
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  const under = (parent: TakenSpan | undefined) =>
    spans
      .filter(({ parentSpanId }) => parentSpanId === parent?.spanId)
      .map((span) => `${span.name} ${attribute(span, "hmn.name") ?? ""}`.trim());
  expect(under(root)).toEqual(["read", "decide", "write issue c-ca", "write issue c-0-tls"]);
  expect(under(spans.find((span) => attribute(span, "hmn.name") === "c-0-tls"))).toEqual(["read Secret c-ca"]);
  for (const { startTimeUnixNano, endTimeUnixNano } of spans)
    expect(BigInt(endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(startTimeUnixNano));
});

test("no content of an object leaves: keys, certificates and messages are nowhere in what was sent", async () => {
  parts.api.intercept = readsSecrets(parts.api);
  await reconcile([issue("authority", "c-ca"), issue("leaf", "c-0-tls")]);
  const made = Object(parts.api.objects.get("/api/v1/namespaces/a/secrets/c-0-tls"));
  const contents = Object.values<string>(made.stringData);
  expect(contents.length).toBeGreaterThan(0);
  for (const content of contents) expect(collector.texts.join()).not.toContain(content.slice(0, 40));
});

test("a write that is refused is a span that failed, by its status and without the server's words", async () => {
  parts.api.intercept = ({ method }) => (method === "POST" ? status(403, "the key -----BEGIN is refused") : undefined);
  const spans = await reconcile([issue("authority", "c-ca")]);
  const failed = spans.filter((span) => span.status.code === 2);
  expect(failed.map(({ name }) => name)).toEqual(["write issue", "reconcile"]);
  expect(attribute(failed[0], "error.type")).toBe("403");
  expect(collector.texts.join()).not.toContain("BEGIN");
});

test("a collector that refuses costs the spans of that time, is told of once, and is asked again", async () => {
  const taken = exporter();
  const tracer = createTracer(taken.take);
  collector.answer.code = 503;
  for (let count = 0; count < 3_000; count += 1) tracer("reconcile", {}).end();
  await taken.stop();
  expect(collector.spans).toEqual([]);
  expect(parts.log.lines.filter((line) => line.includes("traces cannot be sent"))).toHaveLength(1);
  collector.answer.code = 200;
  tracer("reconcile", {}).end();
  await taken.stop();
  expect(collector.spans).toHaveLength(1);
  expect(parts.log.lines.at(-1)).toContain("taken again");
});

test("of more spans than may wait the rest are dropped", async () => {
  const taken = exporter();
  const tracer = createTracer(taken.take);
  for (let count = 0; count < 3_000; count += 1) tracer("reconcile", {}).end();
  await taken.stop();
  expect(collector.spans).toHaveLength(2_048);
});
