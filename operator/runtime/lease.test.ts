import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fakeParts, status } from "./fake-api.ts";
import { electLeader, type LeaderElection } from "./lease.ts";

const path = "/apis/coordination.k8s.io/v1/namespaces/a/leases/operator";
let parts: Awaited<ReturnType<typeof fakeParts>>;
let elections: LeaderElection[];
beforeEach(async () => {
  parts = await fakeParts();
  elections = [];
});
afterEach(async () => {
  await Promise.all(elections.map((each) => each.stop()));
  await parts.api.close();
});

function candidate(identity: string, durationMs = 60_000) {
  const events: string[] = [];
  const { verbs, metrics, log } = parts;
  const election = electLeader({
    verbs,
    metrics,
    log,
    name: "operator",
    namespace: "a",
    identity,
    onAcquired: () => events.push("acquired"),
    onLost: () => events.push("lost"),
    timing: { durationMs, renewDeadlineMs: Math.min(durationMs / 2, 200), retryMs: 10 },
  });
  elections.push(election);
  return { ...election, events };
}
const until = (condition: () => boolean) => vi.waitUntil(condition, { interval: 2, timeout: 60_000 });
const holder = () => Object(parts.api.objects.get(path)?.spec).holderIdentity;
const puts = () => parts.api.requests.filter(({ method }) => method === "PUT").length;

test("of two candidates one leads, and keeps renewing", async () => {
  const [one, two] = [candidate("one"), candidate("two")];
  await until(() => one.isLeader() || two.isLeader());
  const renewals = puts();
  await until(() => puts() > renewals + 5);
  expect([one.isLeader(), two.isLeader()].filter(Boolean)).toHaveLength(1);
  expect(holder()).toBe(one.isLeader() ? "one" : "two");
});

test("a Lease given back is taken at once, not after its duration", async () => {
  const one = candidate("one");
  await until(one.isLeader);
  const two = candidate("two");
  await one.stop();
  await until(two.isLeader);
  expect(one.events).toEqual(["acquired"]);
  expect(Object(parts.api.objects.get(path)?.spec).leaseTransitions).toBe(1);
});

test("the Lease of a holder that vanished is taken when it has run out by our own clock", async () => {
  // Its times lie in the future: a foreign clock must not matter.
  const spec = { holderIdentity: "gone", leaseDurationSeconds: 1, renewTime: "2999-01-01T00:00:00.000000Z" };
  parts.api.objects.set(path, { metadata: { name: "operator", namespace: "a", uid: "u", resourceVersion: "5" }, spec });
  const began = performance.now();
  const one = candidate("one", 1_000);
  await until(one.isLeader);
  expect(performance.now() - began).toBeGreaterThanOrEqual(1_000);
});

test("who cannot renew in time has lost, and says so once", async () => {
  const one = candidate("one");
  await until(one.isLeader);
  parts.api.intercept = () => status(500, "InternalError");
  await until(() => one.events.length === 2);
  expect(one.events).toEqual(["acquired", "lost"]);
  expect(one.isLeader()).toBe(false);
  expect(await parts.metrics.registry.metrics()).toContain('leader_election_master_status{name="operator"} 0');
});

test("who finds another one in the Lease has lost", async () => {
  const one = candidate("one");
  await until(one.isLeader);
  const taken = () => ({ holderIdentity: "thief", leaseDurationSeconds: 60 });
  parts.api.objects.set(path, { metadata: { name: "operator", uid: "u", resourceVersion: "9999" }, spec: taken() });
  await until(() => one.events.includes("lost"));
  expect(holder()).toBe("thief");
});
