import { expect, test } from "vitest";
import { millis } from "../../node/base/units.ts";
import { validCluster, validRollout } from "../api/valid-examples.ts";
import { fakeItem, fakeParts } from "../runtime/fake-api.ts";
import { permissions } from "../runtime/permissions.ts";
import { watchAll } from "./caches.ts";
import { observe } from "./observe.ts";
import { kindNames, resources } from "./resources.ts";

const free = { frozen: false, maxConcurrentRollouts: 0, rivals: () => [] };
const nothing = {
  readings: () => new Map(),
  samples: () => [],
  epochs: () => new Map(),
  metricSource: () => undefined,
  crashLogs: () => new Map(),
  orderFault: () => "",
  claimFault: () => "",
  fleet: () => free,
};
const mine = { "hmn.dev/cluster": "c" };
const rollout = (number: number, clusterUID: string) => {
  const item = fakeItem(`c-${number}`, String(number), {
    fields: { spec: Object(validRollout({ cluster: "c", clusterUID, number })).spec },
  });
  return [`/apis/hmn.dev/v1alpha1/namespaces/a/hmnrollouts/c-${number}`, { ...item }] as const;
};

async function filled(objects: readonly (readonly [string, Record<string, unknown>])[]) {
  const parts = await fakeParts();
  for (const [path, object] of objects) parts.api.objects.set(path, object);
  const told: string[] = [];
  const caches = watchAll({
    ...parts,
    namespaces: ["a", "b"],
    onChange: (kind, { item }, clusterKey) => told.push(`${kind} ${item.metadata.name} ${clusterKey ?? "-"}`),
  });
  await caches.synced;
  const close = async () => {
    await caches.stop();
    await parts.api.close();
  };
  return { ...parts, caches, told, close };
}
const clusterAt = (namespace: string, spec: unknown = Object(validCluster()).spec) =>
  [
    `/apis/hmn.dev/v1alpha1/namespaces/${namespace}/hmnclusters/c`,
    { ...fakeItem("c", "5", { namespace, fields: { spec } }) },
  ] as const;
const pod = (name: string, namespace: string, cluster: string) => {
  const item = fakeItem(name, "6", { namespace });
  const metadata = { ...item.metadata, labels: { "hmn.dev/cluster": cluster }, managedFields: [{ manager: "x" }] };
  return [`/api/v1/namespaces/${namespace}/pods/${name}`, { ...item, metadata }] as const;
};

const service = (name: string, cluster: string) => {
  const item = fakeItem(name, "6");
  const entry = { manager: "x", operation: "Update", time: "2026-01-01T00:00:00Z", fieldsV1: { "f:spec": {} } };
  const metadata = { ...item.metadata, labels: { "hmn.dev/cluster": cluster }, managedFields: [entry] };
  return [`/api/v1/namespaces/a/services/${name}`, { ...item, metadata }] as const;
};

test("of what it puts back, a snapshot knows who wrote it and when, and not what", async () => {
  const { caches, close } = await filled([clusterAt("a"), service("c-client", "c")]);
  expect(observe(caches, nothing, "a/c", millis(7))?.services[0]?.metadata?.managedFields).toEqual([
    { manager: "x", time: "2026-01-01T00:00:00Z", subresource: undefined },
  ]);
  await close();
});

test("a snapshot holds what belongs to the cluster and nothing of its neighbours", async () => {
  const { caches, told, api, close } = await filled([
    clusterAt("a"),
    clusterAt("b"),
    pod("c-0", "a", "c"),
    pod("d-0", "a", "d"),
    pod("c-0", "b", "c"),
    rollout(10, "uid-c"),
    rollout(2, "uid-c"),
    rollout(1, "uid-of-an-earlier-cluster"),
    ["/api/v1/nodes/host", { ...fakeItem("host", "3"), status: { images: ["many"], phase: "x" } }],
  ]);
  const snapshot = observe(caches, nothing, "a/c", millis(7));
  expect(snapshot?.now).toBe(7);
  expect(snapshot?.cluster.metadata).toMatchObject({ namespace: "a", name: "c", uid: "uid-c", deleting: false });
  expect(snapshot?.cluster.spec.rollout.phases).toHaveLength(3);
  expect(snapshot?.pods.map(({ metadata }) => `${metadata?.namespace}/${metadata?.name}`)).toEqual(["a/c-0"]);
  expect(snapshot?.pods[0]?.metadata).toMatchObject({ labels: mine });
  expect(snapshot?.pods[0]?.metadata).not.toHaveProperty("managedFields");
  expect(snapshot?.rollouts.map(({ spec }) => spec.number)).toEqual([2, 10]);
  expect(snapshot?.hosts.map(({ status }) => status)).toEqual([{ phase: "x" }]);
  expect(observe(caches, nothing, "a/none", millis(7))).toBeUndefined();
  expect(told).toContain("Pod c-0 b/c");
  expect(told).toContain("Node host -");
  const selectors = api.requests
    .filter(({ path }) => path.endsWith("/secrets"))
    .map(({ query }) => query.get("labelSelector"));
  expect(new Set(selectors)).toEqual(new Set(["hmn.dev/cluster"]));
  const namespaced = kindNames.filter((kind) => resources[kind].namespaced).length;
  await expect.poll(() => api.watches).toHaveLength(2 * namespaced + kindNames.length - namespaced);
  await close();
});

test("a spec that this version does not understand is an error that names the field", async () => {
  const { caches, close } = await filled([clusterAt("a", { version: "1.0.0", network: "n" })]);
  expect(() => observe(caches, nothing, "a/c", millis(0))).toThrow("HmnCluster c: spec.image");
  await close();
});

test.each(kindNames)("%s may be read as the caches read it", (kind) => {
  const { apiVersion, plural } = resources[kind];
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
  const verbs = (resources[kind].namespaced ? permissions.namespaced : permissions.clusterWide)
    .filter((rule) => rule.apiGroups.includes(group ?? "") && rule.resources.includes(plural))
    .flatMap((rule) => rule.verbs);
  expect(verbs).toEqual(expect.arrayContaining(["list", "watch"]));
});
