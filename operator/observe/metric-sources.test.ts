import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { millis } from "../../node/base/units.ts";
import { memoryLog } from "../runtime/fake-api.ts";
import { readBody } from "../runtime/http.ts";
import { createMetrics } from "../runtime/metrics.ts";
import { createMetricSources, type MetricSources, parseMetricSources } from "./metric-sources.ts";
import type { NodeTarget, ReadingTarget } from "./node-reader.ts";
import { countersQuery, type MetricSource, metricSourceSchema, readCounters } from "./prometheus.ts";
import { nodeMetrics } from "./test-node-metrics.ts";

type Series = { metric: Record<string, string>; value: [number, string] };
const NOW = 1_800_000_000;

/** What a Prometheus answers for one pod: the text of its scrape as a vector, and when that was. */
function vectorOf(pod: string, text: string, at = NOW - 3, more: Record<string, string> = {}): Series[] {
  const labels = { namespace: "a", pod, ...more };
  const series = text
    .trim()
    .split("\n")
    .map((line): Series => {
      const [, name = "", inner = "", value = ""] = /^(\w+)(?:\{(.*)\})? (.*)$/.exec(line) ?? [];
      const own = Object.fromEntries(
        [...inner.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = "", said = ""]) => [label, said]),
      );
      return { metric: { __name__: name, ...labels, ...own }, value: [NOW, value] };
    });
  return [...series, { metric: { ...labels, hmn_scraped: "1" }, value: [NOW, String(at)] }];
}

let server: Server;
let source: MetricSource;
let requests: { path: string; query: URLSearchParams; authorization: string | undefined }[];
/** Answers a request; the test sets it. */
let answer: (response: ServerResponse) => void;
const vector = (result: Series[]) => (response: ServerResponse) => {
  response.end(JSON.stringify({ status: "success", data: { resultType: "vector", result } }));
};
beforeEach(async () => {
  requests = [];
  answer = vector([]);
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const query = new URLSearchParams(await readBody(request, 1 << 16));
    requests.push({ path: request.url ?? "", query, authorization: request.headers.authorization });
    answer(response);
  };
  server = createServer((request, response) => void handle(request, response).catch(() => response.destroy()));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  source = metricSourceSchema.parse({ name: "prom", url: `http://127.0.0.1:${port}/prefix/` });
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const slow = nodeMetrics({ batches: 30, latencySeconds: 3, uptimeSeconds: 60, failed: 2 });

test("one query asks for the counters of the cluster's pods and for the time of their scrape", async () => {
  answer = vector([
    ...vectorOf("c-0-0-0", slow),
    ...vectorOf("c-1-0-0", nodeMetrics({ batches: 5, latencySeconds: 0.004, uptimeSeconds: 9 }), NOW - 9),
  ]);
  const read = await readCounters(source, "a", ["c-0-0-0", "c-1-0-0"]);
  expect(read.ok && read.value.get("c-0-0-0")).toMatchObject({
    at: 1000 * (NOW - 3),
    scrape: { batches: { accepted: 28, refused: 0, failed: 2 }, uptimeSeconds: 60, transfersApplied: 30 },
  });
  expect(read.ok && read.value.get("c-0-0-0")?.scrape.latencyCumulative.slice(-4)).toEqual([0, 30, 30, 30]);
  expect(read.ok && read.value.get("c-1-0-0")?.at).toBe(1000 * (NOW - 9));
  expect(requests[0]?.path).toBe("/prefix/api/v1/query");
  expect(requests[0]?.query.get("query")).toBe(countersQuery(source, "a", ["c-0-0-0", "c-1-0-0"]));
  expect(countersQuery(source, "a", ["c-0-0-0", "c-1-0-0"])).toContain('namespace="a",pod=~"c-0-0-0|c-1-0-0"');
});

test("a pod that two jobs scrape counts once, by the newer scrape; NaN and missing series are no counters", async () => {
  answer = vector([
    ...vectorOf("c-0-0-0", slow, NOW - 9, { job: "one" }),
    ...vectorOf("c-0-0-0", nodeMetrics({ batches: 40, latencySeconds: 3, uptimeSeconds: 66 }), NOW - 3, { job: "two" }),
    ...vectorOf("c-1-0-0", slow.replace(/accepted"} 28/, 'accepted"} NaN')),
    ...vectorOf("c-2-0-0", slow.replace(/hmn_uptime_seconds.*\n/, "")),
  ]);
  const read = await readCounters(source, "a", ["c-0-0-0"]);
  expect(read.ok && [...read.value.keys()]).toEqual(["c-0-0-0"]);
  expect(read.ok && read.value.get("c-0-0-0")?.scrape.batches).toEqual({ accepted: 40, refused: 0, failed: 0 });
});

test.each([
  ["a refusal", (response: ServerResponse) => response.writeHead(422).end('{"status":"error"}'), "it answers 422"],
  ["what is no JSON", (response: ServerResponse) => response.end("<html>"), "JSON"],
  [
    "what is no vector",
    (response: ServerResponse) => response.end('{"status":"success","data":{"resultType":"scalar"}}'),
    "not that of a Prometheus",
  ],
  ["an endless answer", (response: ServerResponse) => response.end(" ".repeat(5_000_000)), "longer than 4194304 bytes"],
  ["a broken connection", (response: ServerResponse) => response.destroy(), "socket hang up"],
])("%s is told as such", async (_, how, detail) => {
  answer = how;
  expect(await readCounters(source, "a", ["c-0-0-0"])).toMatchObject({
    ok: false,
    detail: expect.stringContaining(detail),
  });
});

const node = (more: Partial<NodeTarget> = {}): NodeTarget => ({
  validator: 0,
  pod: "c-0-0-0",
  podUid: "pod-1",
  createdAt: millis(1000 * (NOW - 63)),
  ip: "127.0.0.1",
  revision: "r1",
  limits: undefined,
  stopping: false,
  ...more,
});

async function started(target: Partial<ReadingTarget> = {}): Promise<MetricSources> {
  const whole: ReadingTarget = {
    clusterKey: "a/c",
    network: "payments",
    metricSource: "prom",
    credentials: undefined,
    isAtRest: false,
    nodes: [node(), node({ validator: 1, pod: "c-1-0-0", podUid: "pod-2" })],
    ...target,
  };
  const sources = createMetricSources({
    sources: [source],
    targets: () => [whole],
    metrics: createMetrics(),
    log: memoryLog(),
    now: () => 1000 * NOW,
    intervalMs: 20,
  });
  sources.start();
  if (whole.metricSource === "prom") await expect.poll(() => requests.length).toBeGreaterThan(1);
  sources.stop();
  return sources;
}

test("a node has the mark of its own process only; who has none is missing", async () => {
  answer = vector([...vectorOf("c-0-0-0", slow), ...vectorOf("c-1-0-0", slow, NOW - 100)]);
  const sources = await started();
  expect(sources.mark("a/c", node())).toMatchObject({ at: 1000 * (NOW - 3), podUid: "pod-1" });
  // The second one's newest scrape is too old to speak of now.
  expect(sources.state("a/c")).toEqual({ source: "prom", error: undefined, missing: [1] });
  // Made after the process began that was scraped: the name is the same, the pod is another.
  expect(sources.mark("a/c", node({ createdAt: millis(1000 * (NOW - 30)) }))).toBeUndefined();
});

test("a source that fails, and a name that no source has, are errors and never silence", async () => {
  answer = (response) => response.writeHead(503).end("down");
  expect((await started()).state("a/c")).toEqual({ source: "prom", error: "it answers 503: down", missing: [0, 1] });
  expect((await started({ metricSource: "thanos" })).state("a/c")?.error).toBe(
    "the operator has no metric source of that name: it has prom",
  );
  expect((await started({ metricSource: undefined })).state("a/c")).toBeUndefined();
});

test("the operator's configuration is refused where it does not fit", () => {
  expect(parseMetricSources("[]")).toEqual([]);
  expect(() => parseMetricSources('[{"name":"a","url":"ftp://x"}]')).toThrow("--metric-sources does not fit");
  expect(() => parseMetricSources('[{"name":"a","url":"http://x","token":"secret"}]')).toThrow("token");
  const twice = JSON.stringify([
    { name: "a", url: "http://x" },
    { name: "a", url: "http://y" },
  ]);
  expect(() => parseMetricSources(twice)).toThrow("one name twice");
});
