import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Change } from "./cache.ts";
import { fakeItem, fakeParts, status } from "./fake-api.ts";
import { type ListWatch, type ListWatchOptions, startListWatch } from "./list-watch.ts";
import type { Resource } from "./resource.ts";

const pods: Resource = { apiVersion: "v1", kind: "Pod", plural: "pods", namespaced: true };
const path = (name: string) => `/api/v1/namespaces/a/pods/${name}`;

let parts: Awaited<ReturnType<typeof fakeParts>>;
let seen: string[];
const started: ListWatch[] = [];
beforeEach(async () => {
  parts = await fakeParts();
  seen = [];
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((each) => each.stop()));
  await parts.api.close();
});

const tell = ({ type, item }: Change) => {
  seen.push(`${type} ${item.metadata.name} ${item.metadata.resourceVersion}`);
};
function start(more: Partial<ListWatchOptions> = {}): ListWatch {
  const { client, verbs, metrics, log } = parts;
  const timing = { firstBackoffMs: 1, maxBackoffMs: 20, ...more.timing };
  const listWatch = startListWatch({
    client,
    verbs,
    metrics,
    log,
    resource: pods,
    namespace: "a",
    onChange: tell,
    ...more,
    timing,
  });
  started.push(listWatch);
  return listWatch;
}
const has = (name: string, version: string) => parts.api.objects.set(path(name), { ...fakeItem(name, version) });
const lists = () => parts.api.requests.filter(({ query }) => query.has("limit")).length;
const watchAt = (index: number) => vi.waitUntil(() => parts.api.watches[index], { timeout: 60_000, interval: 5 });
const send = async (index: number, type: string, object: unknown) =>
  (await watchAt(index)).response.write(`${JSON.stringify({ type, object })}\n`);
const shows = (...lines: string[]) => vi.waitFor(() => expect(seen).toEqual(lines), { timeout: 60_000, interval: 5 });

test("lists page by page, then follows the watch from the list's version", async () => {
  for (let n = 0; n < 600; n++) has(`p${n}`, "7");
  const { synced, cache } = start();
  await synced;
  expect(cache.size()).toBe(600);
  expect(lists()).toBe(3);
  const { query } = await watchAt(0);
  expect(query.get("resourceVersion")).toBe("100");
  expect(query.get("allowWatchBookmarks")).toBe("true");
  expect(Number(query.get("timeoutSeconds"))).toBeGreaterThanOrEqual(240);
  expect(Number(query.get("timeoutSeconds"))).toBeLessThanOrEqual(360);
});

test("tells of sets and removals, and a bookmark only moves the version", async () => {
  const { cache } = start();
  await send(0, "ADDED", fakeItem("p", "101"));
  await send(0, "MODIFIED", fakeItem("p", "102"));
  await send(0, "BOOKMARK", { kind: "Pod", metadata: { resourceVersion: "150" } });
  await send(0, "DELETED", fakeItem("p", "160"));
  await shows("set p 101", "set p 102", "removed p 102");
  expect(cache.version()).toBe("160");
});

test("puts an event together that arrives in pieces", async () => {
  start();
  const { response } = await watchAt(0);
  const line = `${JSON.stringify({ type: "ADDED", object: fakeItem("späte", "101") })}\n`;
  const bytes = Buffer.from(line);
  const cut = bytes.indexOf("ä") + 1;
  response.write(bytes.subarray(0, cut));
  await new Promise((resolve) => setImmediate(resolve));
  response.write(bytes.subarray(cut));
  await shows("set späte 101");
});

test("a watch that ends goes on where it was, without a list", async () => {
  start();
  await send(0, "ADDED", fakeItem("p", "120"));
  (await watchAt(0)).response.end();
  expect((await watchAt(1)).query.get("resourceVersion")).toBe("120");
  (await watchAt(1)).response.destroy();
  expect((await watchAt(2)).query.get("resourceVersion")).toBe("120");
  expect(lists()).toBe(1);
});

test("410 in the stream: lists again and tells the differences", async () => {
  has("stays", "5");
  has("goes", "6");
  has("changes", "7");
  start();
  await shows("set stays 5", "set goes 6", "set changes 7");
  parts.api.objects.delete(path("goes"));
  has("changes", "8");
  has("comes", "9");
  await send(0, "ERROR", { kind: "Status", code: 410, message: "too old resource version" });
  await shows("set stays 5", "set goes 6", "set changes 7", "removed goes 6", "set changes 8", "set comes 9");
  await watchAt(1);
  expect(lists()).toBe(2);
});

test("410 before the stream opens: lists again", async () => {
  let refusals = 1;
  parts.api.intercept = ({ query }) => (query.has("watch") && refusals-- > 0 ? status(410, "Expired") : undefined);
  start();
  await watchAt(0);
  expect(lists()).toBe(2);
});

test("a silent watch is cut and begun again, though its connection stands", async () => {
  start({ timing: { silenceMs: 60 } });
  await watchAt(1);
  expect(parts.api.watches[1]?.query.get("resourceVersion")).toBe("100");
  expect(lists()).toBe(1);
  expect(await parts.metrics.registry.metrics()).toContain('watch_restarts_total{kind="Pod",cause="silent"}');
});

test("bytes keep a watch alive, even without changes", async () => {
  let time = 0;
  start({ timing: { silenceMs: 50 }, now: () => time });
  const first = await watchAt(0);
  for (let n = 0; n < 5; n++) {
    time += 40;
    await send(0, "BOOKMARK", { metadata: { resourceVersion: String(200 + n) } });
    const expected = String(200 + n);
    await vi.waitUntil(() => started[0]?.cache.version() === expected, { timeout: 60_000, interval: 2 });
  }
  expect(parts.api.watches).toEqual([first]);
});

test("a callback that throws is counted and logged, and nothing is missed", async () => {
  const { cache } = start({
    onChange: (change) => {
      if (change.item.metadata.name === "bad") throw new Error("callback broke");
      tell(change);
    },
  });
  await send(0, "ADDED", fakeItem("bad", "101"));
  await send(0, "ADDED", fakeItem("good", "102"));
  await shows("set good 102");
  expect(cache.get("a/bad")).toBeDefined();
  expect(parts.log.lines.join("\n")).toContain("callback broke");
  expect(await parts.metrics.registry.metrics()).toContain('hmn_operator_faults_total{where="watch Pod"} 1');
  expect(parts.api.watches).toHaveLength(1);
});

test("outlives an API server that refuses and one that talks nonsense", async () => {
  let refusals = 3;
  parts.api.intercept = ({ query }) => {
    if (!query.has("limit") || refusals <= 0) return undefined;
    refusals -= 1;
    return refusals === 0 ? { status: 200, body: "<html>" } : status(500, "InternalError");
  };
  has("p", "5");
  const { synced } = start();
  await synced;
  await send(0, "NONSENSE", {});
  await send(1, "ADDED", fakeItem("q", "101"));
  await shows("set p 5", "set q 101");
});

test("relist() lists again at once", async () => {
  const { relist } = start();
  await watchAt(0);
  has("missed", "101");
  relist();
  await shows("set missed 101");
  await watchAt(1);
});
