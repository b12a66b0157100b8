import { X509Certificate } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readLeaf } from "../observe/certificates.ts";
import type { KindName } from "../observe/resources.ts";
import { createRecorder } from "../runtime/events.ts";
import { fakeItem, fakeParts, readsSecrets, status } from "../runtime/fake-api.ts";
import { issueAuthority, type KeyAndCertificate } from "../runtime/pki.ts";
import type { Item } from "../runtime/resource.ts";
import { itemKey } from "../runtime/resource.ts";
import type { Action } from "./actions.ts";
import { type Applier, createApplier } from "./apply.ts";
import { type ClaimFaults, createClaimFaults } from "./claim-faults.ts";
import { createOrders } from "./orders.ts";
import { createOwnWrites, type OwnWrites } from "./own-writes.ts";

const cluster = fakeItem("c", "5");
const config = (value: string, resourceVersion?: string) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "c-config", namespace: "a", ...(resourceVersion === undefined ? {} : { resourceVersion }) },
  data: { key: value },
});
const issue = (what: "authority" | "leaf" | "governance", secret: string): Action => ({
  type: "issue",
  what,
  secret,
  commonName: "payments",
  dnsNames: what === "leaf" ? ["0.payments"] : [],
  ...(what === "leaf" ? { issuer: "c-ca" } : {}),
  labels: { "hmn.dev/cluster": "c" },
});

let parts: Awaited<ReturnType<typeof fakeParts>>;
let apply: Applier;
let ownWrites: OwnWrites;
let claimFaults: ClaimFaults;
/** What the watches have shown, by kind and key. */
let shown: Map<string, Item>;
let relisted: KindName[];
let time: number;
beforeEach(async () => {
  parts = await fakeParts();
  shown = new Map();
  relisted = [];
  time = 1_000_000;
  const { verbs, metrics, log } = parts;
  const caches = {
    items: () => [],
    ofCluster: () => [],
    get: (kind: KindName, key: string) => shown.get(`${kind} ${key}`),
    version: () => "0",
    relist: (kind: KindName) => relisted.push(kind),
  };
  ownWrites = createOwnWrites(
    caches,
    () => undefined,
    () => time,
  );
  claimFaults = createClaimFaults();
  const recorder = createRecorder({ verbs, log, metrics, controller: "hmn.dev/test", instance: "i", now: () => time });
  apply = createApplier({ verbs, caches, orders: createOrders(), claimFaults, recorder, ownWrites, metrics, log });
});
afterEach(() => parts.api.close());
const run = (...actions: readonly Action[]) => apply(cluster, "a/c", actions);
const stored = (path: string) => Object(parts.api.objects.get(path));
const sent = () => parts.api.requests.map(({ method, path }) => `${method} ${path}`);
const show = (kind: KindName, path: string) => {
  const item: Item = stored(path);
  shown.set(`${kind} ${itemKey(item)}`, item);
};

test("apply is a forced server-side apply under one field manager", async () => {
  expect(await run({ type: "apply", object: config("x") })).toEqual({ type: "done" });
  const [request] = parts.api.requests;
  expect(request).toMatchObject({ method: "PATCH", contentType: "application/apply-patch+yaml" });
  expect(Object.fromEntries(request?.query ?? [])).toEqual({ fieldManager: "tester", force: "true" });
  expect(stored("/api/v1/namespaces/a/configmaps/c-config").data).toEqual({ key: "x" });
});

test("stops at the first action that fails: a changed object is a conflict, no error", async () => {
  await run({ type: "apply", object: config("x") });
  const outcome = await run({ type: "apply", object: config("y", "1") }, { type: "apply", object: config("z") });
  expect(outcome).toMatchObject({ type: "conflict" });
  expect(stored("/api/v1/namespaces/a/configmaps/c-config").data).toEqual({ key: "x" });
});

test("an object that the API server will not take is told of, and ends the run", async () => {
  parts.api.intercept = ({ method }) => (method === "PATCH" ? status(403, "exceeded quota") : undefined);
  await expect(run({ type: "apply", object: config("y") }, { type: "apply", object: config("z") })).rejects.toThrow(
    "403",
  );
  expect(sent()).toEqual([
    "PATCH /api/v1/namespaces/a/configmaps/c-config",
    "POST /apis/events.k8s.io/v1/namespaces/a/events",
  ]);
  expect(parts.api.requests[1]?.body).toMatchObject({
    reason: "ObjectRefused",
    note: expect.stringMatching(/ConfigMap c-config.*exceeded quota/),
  });
});

test("what exists already is not created, and that is success", async () => {
  await run({ type: "create", object: config("x") });
  expect(await run({ type: "create", object: config("y") })).toEqual({ type: "done" });
  expect(stored("/api/v1/namespaces/a/configmaps/c-config").data).toEqual({ key: "x" });
});

test("a status is replaced only over the version that it was decided on", async () => {
  const path = "/apis/hmn.dev/v1alpha1/namespaces/a/hmnclusters/c";
  parts.api.objects.set(path, { metadata: cluster.metadata, spec: { kept: true }, status: { phase: "Pending" } });
  const write = (resourceVersion: string, phase: string): Action => ({
    type: "status",
    kind: "HmnCluster",
    name: "c",
    resourceVersion,
    status: { phase },
  });
  expect(await run(write("5", "Running"))).toEqual({ type: "done" });
  expect(await run(write("5", "Stalled"))).toMatchObject({ type: "conflict" });
  expect(stored(path)).toMatchObject({ spec: { kept: true }, status: { phase: "Running" } });
  expect(sent()[0]).toBe(`PUT ${path}/status`);
});

test("an eviction carries the pod's UID; a budget that forbids it is waited for", async () => {
  const evict: Action = { type: "evict", pod: "p", uid: "uid-p" };
  expect(await run(evict)).toEqual({ type: "done" });
  expect(parts.api.requests[0]).toMatchObject({
    path: "/api/v1/namespaces/a/pods/p/eviction",
    body: { apiVersion: "policy/v1", kind: "Eviction", deleteOptions: { preconditions: { uid: "uid-p" } } },
  });
  parts.api.intercept = () => status(429, "TooManyRequests");
  expect(await run(evict, { type: "apply", object: config("x") })).toMatchObject({ type: "budget", pod: "p" });
  expect(sent()).toHaveLength(2);
});

test("deletes and marks only the very pod that was decided on", async () => {
  const path = "/api/v1/namespaces/a/pods/p";
  parts.api.objects.set(path, { ...fakeItem("p", "7") });
  const remove = (uid: string): Action => ({ type: "delete-pod", pod: "p", uid, force: true });
  const mark = (uid: string): Action => ({ type: "mark-pod", pod: "p", uid, labels: { "hmn.dev/voter": "true" } });
  expect(await run(remove("other"))).toMatchObject({ type: "conflict" });
  expect(await run(mark("other"))).toMatchObject({ type: "conflict" });
  expect(await run(mark("uid-p"))).toEqual({ type: "done" });
  expect(stored(path).metadata.labels).toEqual({ "hmn.dev/voter": "true" });
  expect(await run(remove("uid-p"))).toEqual({ type: "done" });
  expect(parts.api.requests.at(-1)?.body).toMatchObject({ gracePeriodSeconds: 0, preconditions: { uid: "uid-p" } });
  expect(parts.api.objects.has(path)).toBe(false);
});

test("stops the StatefulSet that was seen, and no other", async () => {
  const path = "/apis/apps/v1/namespaces/a/statefulsets/s";
  parts.api.objects.set(path, { ...fakeItem("s", "7"), spec: { replicas: 1 } });
  const stopSet = (uid: string): Action => ({ type: "stop-set", name: "s", uid, resourceVersion: "7" });
  expect(await run(stopSet("other"))).toMatchObject({ type: "conflict" });
  expect(await run(stopSet("uid-s"))).toEqual({ type: "done" });
  expect(stored(path)).toMatchObject({ spec: { replicas: 0 } });
});

test("a claim that cannot grow is told, and forgotten once it does; a StatefulSet is removed from around its pod", async () => {
  const path = "/api/v1/namespaces/a/persistentvolumeclaims/d";
  parts.api.objects.set(path, { ...fakeItem("d", "7") });
  const enlarge: Action = { type: "grow-claim", name: "d", uid: "uid-d", resourceVersion: "7", size: "2Gi" };
  parts.api.intercept = () => status(403, "Forbidden");
  expect(await run(enlarge)).toEqual({ type: "done" });
  expect(claimFaults.of("a/c")).not.toBe("");
  parts.api.intercept = () => undefined;
  expect(await run(enlarge)).toEqual({ type: "done" });
  expect(claimFaults.of("a/c")).toBe("");
  expect(stored(path)).toMatchObject({ spec: { resources: { requests: { storage: "2Gi" } } } });
  const set = "/apis/apps/v1/namespaces/a/statefulsets/s";
  parts.api.objects.set(set, fakeItem("s", "8"));
  const remove = { type: "delete", apiVersion: "apps/v1", kind: "StatefulSet", name: "s", uid: "uid-s" } as const;
  expect(await run({ ...remove, orphan: true })).toEqual({ type: "done" });
  expect(parts.api.requests.at(-1)?.body).toMatchObject({ propagationPolicy: "Orphan" });
});

test("issues an authority, a leaf under it and a governance key, once, and logs none of it", async () => {
  const actions = [issue("authority", "c-ca"), issue("leaf", "c-0-tls"), issue("governance", "c-governance")];
  parts.api.intercept = readsSecrets(parts.api);
  expect(await run(...actions)).toEqual({ type: "done" });
  const secret = (name: string) => stored(`/api/v1/namespaces/a/secrets/${name}`);
  const [ca, leaf, governance] = [secret("c-ca"), secret("c-0-tls"), secret("c-governance")];
  expect([ca.type, leaf.type, governance.type]).toEqual(["Opaque", "kubernetes.io/tls", "Opaque"]);
  expect(Object.keys(ca.stringData)).toEqual(["ca.crt", "ca.key"]);
  expect(Object.keys(leaf.stringData)).toEqual(["tls.crt", "tls.key", "ca.crt"]);
  expect(Object.keys(governance.stringData)).toEqual(["seed", "publicKey"]);
  const issued = new X509Certificate(leaf.stringData["tls.crt"]);
  expect(issued.verify(new X509Certificate(ca.stringData["ca.crt"]).publicKey)).toBe(true);
  expect(issued.subjectAltName).toBe("DNS:0.payments");
  expect(leaf.metadata.labels).toEqual({ "hmn.dev/cluster": "c" });

  expect(await run(...actions)).toEqual({ type: "done" });
  expect(secret("c-ca").stringData).toEqual(ca.stringData);
  const logged = parts.log.lines.join("\n");
  expect(logged).toContain("c-governance");
  for (const text of [governance.stringData.seed, "PRIVATE KEY"]) expect(logged).not.toContain(text);
});

test("takes an authority that somebody else made, as it is at that moment, and logs nothing of it", async () => {
  const path = (name: string) => `/api/v1/namespaces/a/secrets/${name}`;
  const foreign = await issueAuthority("somebody else's", Date.now());
  const give = ({ certificate, key }: KeyAndCertificate) =>
    parts.api.objects.set(path("given"), {
      metadata: { name: "given", namespace: "a", resourceVersion: "7" },
      stringData: { "tls.crt": certificate, "tls.key": key },
    });
  parts.api.intercept = readsSecrets(parts.api);
  const take = { ...issue("authority", "c-ca"), issuer: "given" } as Action;
  give({ ...foreign, certificate: "nonsense" });
  expect(await run(take)).toMatchObject({ type: "conflict", message: expect.stringContaining("tls.crt") });
  expect(parts.api.objects.has(path("c-ca"))).toBe(false);
  give(foreign);
  expect(await run(take, issue("leaf", "c-0-tls"))).toEqual({ type: "done" });
  const leaf = new X509Certificate(stored(path("c-0-tls")).stringData["tls.crt"]);
  expect(leaf.verify(new X509Certificate(foreign.certificate).publicKey)).toBe(true);
  expect(parts.log.lines.join("\n")).not.toContain("PRIVATE KEY");
});

test("replaces a leaf and changes an authority only over the version that was decided on", async () => {
  const path = "/api/v1/namespaces/a/secrets/c-ca";
  const data = (name: string): Record<string, string> => stored(`/api/v1/namespaces/a/secrets/${name}`).data;
  const text = (name: string, key: string) => Buffer.from(data(name)[key] ?? "", "base64").toString("utf8");
  const version = (name: string) => String(stored(`/api/v1/namespaces/a/secrets/${name}`).metadata.resourceVersion);
  // A real API server turns stringData into data.
  const settle = (name: string) => {
    const secret = stored(`/api/v1/namespaces/a/secrets/${name}`);
    secret.data = Object.fromEntries(
      Object.entries(secret.stringData).map(([key, value]) => [key, btoa(String(value))]),
    );
  };
  await run(issue("authority", "c-ca"));
  settle("c-ca");
  await run(issue("leaf", "c-0-tls"));
  settle("c-0-tls");
  const first = text("c-ca", "ca.crt");
  const step = (what: "add" | "switch" | "drop"): Action => ({
    type: "rotate-authority",
    secret: "c-ca",
    replaces: version("c-ca"),
    step: what,
    commonName: "payments CA 2",
  });
  const stale = step("add");
  expect(await run(step("add"))).toEqual({ type: "done" });
  expect(await run(stale)).toMatchObject({ type: "conflict" });
  const next = text("c-ca", "next.crt");
  expect(await run(step("switch"))).toEqual({ type: "done" });
  expect([text("c-ca", "ca.crt"), text("c-ca", "previous.crt")]).toEqual([next, first]);
  const leaf = text("c-0-tls", "tls.crt");
  const replace = { ...issue("leaf", "c-0-tls"), replaces: version("c-0-tls") } as Action;
  expect(await run(replace)).toEqual({ type: "done" });
  expect(await run(replace)).toMatchObject({ type: "conflict" });
  expect(text("c-0-tls", "tls.crt")).not.toBe(leaf);
  const secrets = [stored("/api/v1/namespaces/a/secrets/c-0-tls"), stored(path)];
  expect(readLeaf(secrets[0], secrets[1])).toMatchObject({ signer: "Current", dnsNames: ["0.payments"] });
  expect(await run(step("drop"))).toEqual({ type: "done" });
  expect(Object.keys(data("c-ca")).toSorted()).toEqual(["ca.crt", "ca.key"]);
  const logged = parts.log.lines.join("\n");
  expect(logged).not.toContain("PRIVATE KEY");
});

test("an event is said once in ten minutes, and its failure stops nothing", async () => {
  const event: Action = { type: "event", about: "HmnCluster", severity: "Warning", reason: "Breach", message: "slow" };
  await run(event, event);
  expect(sent()).toEqual(["POST /apis/events.k8s.io/v1/namespaces/a/events"]);
  expect(parts.api.requests[0]?.body).toMatchObject({
    regarding: { kind: "HmnCluster", name: "c", uid: "uid-c" },
    reason: "Breach",
    note: "slow",
    type: "Warning",
  });
  expect(await parts.metrics.registry.metrics()).toContain(
    'hmn_operator_events_total{severity="Warning",reason="Breach"} 1',
  );
  time += 10 * 60_000;
  await run(event);
  expect(sent()).toHaveLength(2);
  parts.api.intercept = ({ path }) => (path.includes("events") ? status(500, "InternalError") : undefined);
  time += 10 * 60_000;
  expect(await run(event, { type: "apply", object: config("x") })).toEqual({ type: "done" });
});

test("refuses kinds and namespaces that are not its own", async () => {
  const object = { ...config("x"), kind: "Deployment", apiVersion: "apps/v1" };
  await expect(run({ type: "apply", object })).rejects.toThrow("is a kind that the operator writes");
  const elsewhere = { ...config("x"), metadata: { name: "c-config", namespace: "kube-system" } };
  await expect(run({ type: "apply", object: elsewhere })).rejects.toThrow("only into its cluster's namespace");
  expect(sent()).toEqual([]);
});

test("a cluster is not settled until the watches have shown every write, and a lost one is listed again", async () => {
  const path = "/api/v1/namespaces/a/configmaps/c-config";
  expect(ownWrites.settled("a/c")).toBe(true);
  await run({ type: "apply", object: config("x") });
  show("ConfigMap", path);
  await run({ type: "apply", object: config("y") });
  expect(ownWrites.settled("a/c")).toBe(false);
  expect(ownWrites.settled("a/other")).toBe(true);
  show("ConfigMap", path);
  expect(ownWrites.settled("a/c")).toBe(true);

  await run({ type: "evict", pod: "p", uid: "uid-p" });
  expect(ownWrites.settled("a/c")).toBe(true);
  shown.set("Pod a/p", fakeItem("p", "9"));
  await run({ type: "evict", pod: "p", uid: "uid-p" });
  expect(ownWrites.settled("a/c")).toBe(false);
  time += 9_999;
  expect(ownWrites.settled("a/c")).toBe(false);
  expect(relisted).toEqual([]);
  time += 1;
  expect(ownWrites.settled("a/c")).toBe(false);
  expect(relisted).toEqual(["Pod"]);
  const leaving = fakeItem("p", "10");
  shown.set("Pod a/p", { ...leaving, metadata: { ...leaving.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } });
  expect(ownWrites.settled("a/c")).toBe(true);
});
