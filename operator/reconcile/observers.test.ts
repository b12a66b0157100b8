import { expect, test } from "vitest";
import { observerId } from "../../node/api/contract.ts";
import type { ClusterSpec, ClusterSpecInput } from "../api/cluster.ts";
import { LABELS } from "../api/group.ts";
import { FORERUNNER, observerSetName } from "../desired/names.ts";
import { createWorld, type World } from "./world.ts";
import type { Behaviour } from "./world-nodes.ts";
import { createRunner } from "./world-run.ts";

const good: Behaviour = { latencySeconds: 0.004, pullable: true };
const releases: Readonly<Record<string, Behaviour>> = {
  "1.2.1": { ...good, crashAfterSeconds: 5 },
  "1.2.4": { ...good, differs: true },
};

const specOf = (observers: number): ClusterSpecInput => ({
  version: "1.0.0",
  image: { reference: "hmn-node:1.0.0" },
  network: "payments",
  validators: { replicas: 4 },
  observers: { replicas: observers },
  rollout: {
    phases: [
      { percent: 20, soakSeconds: 8 },
      { percent: 100, soakSeconds: 8 },
    ],
    ...{ observeSeconds: 6, settleSeconds: 2, intervalSeconds: 4, progressDeadlineSeconds: 60, minimumSamples: 10 },
  },
});
const on = (version: string) => (spec: ClusterSpec) => ({
  ...spec,
  version,
  image: { ...spec.image, reference: `hmn-node:${version}` },
});

function begun(observers = 0) {
  const world = createWorld({ spec: specOf(observers), behaviour: (version) => releases[version] ?? good });
  const run = createRunner(world, { seed: 1n, faults: false });
  run.until("the first deployment is ready", () => isReady(world));
  return { world, run };
}
const isReady = (world: World): boolean =>
  world.status().conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
const last = (world: World) => world.rollouts().at(-1);
const imagesOf = (world: World, label: string): readonly string[] =>
  world
    .objects("Pod")
    .filter(({ metadata }) => metadata.labels[label] !== undefined && metadata.deletionTimestamp === undefined)
    .map((pod) => (pod.spec as { containers: { image: string }[] }).containers[0]?.image ?? "");
const forerunner = (world: World) => world.find("StatefulSet", observerSetName("payments", FORERUNNER));
const old = ["hmn-node:1.0.0", "hmn-node:1.0.0", "hmn-node:1.0.0", "hmn-node:1.0.0"];

test("one whose data is damaged begins anew on another volume, and no validator is touched", () => {
  const { world, run } = begun(2);
  const key = () => world.nodes.readings().get(observerId(1));
  const before = key();
  world.volumes.damage("data-payments-observer1-0");
  run.until("it is seen", () => !isReady(world));
  run.until("it follows again", () => isReady(world));
  const [was, is] = [before, key()].map((reading) =>
    reading !== undefined && "status" in reading ? reading.status.publicKey : "",
  );
  expect(is).not.toBe(was);
  expect(world.objects("StatefulSet")).toHaveLength(6);
  expect(world.status().replacement).toBeUndefined();
  expect(run.lostSeconds()).toBe(0);
});

test("an observer of the new release follows first, while every validator runs the old one; then it goes", () => {
  const { world, run } = begun();
  world.edit(on("1.1.0"));
  run.until("it follows", () => last(world)?.status.followsSince !== undefined);
  expect(last(world)?.status).toMatchObject({ state: "Observing", phase: 0, moved: [] });
  expect(imagesOf(world, LABELS.observer)).toEqual(["hmn-node:1.1.0"]);
  expect(imagesOf(world, LABELS.validator)).toEqual(old);
  expect(world.status().waitingFor?.reason).toBe("Observing");
  const since = world.now();
  run.until("validators move", () => last(world)?.status.state === "Moving");
  expect(world.now() - since).toBeGreaterThanOrEqual(5_000);
  run.until("it is gone", () => imagesOf(world, LABELS.observer).length === 0);
  expect(forerunner(world)).toBeUndefined();
  run.until("the upgrade succeeds", () => last(world)?.status.state === "Succeeded" && isReady(world));
  expect(world.objects("Secret").map(({ metadata }) => metadata.name)).not.toContain("payments-observer15-tls");
  run.pass(20);
  expect(run.look().actions).toEqual([]);
});

test("other results than the validators' end the rollout with an incident, and no validator is touched", () => {
  const { world, run } = begun();
  world.edit(on("1.2.4"));
  run.until("it is rolled back", () => last(world)?.status.state === "RolledBack");
  const { status } = last(world) ?? {};
  expect(status).toMatchObject({ moved: [], rollbackCause: "Safety", incident: { cause: "Safety", validators: [] } });
  expect(status?.incident?.summary).toContain("in phase 0: an observer on 1.2.4 came to other results");
  expect(world.status().quarantine?.map(({ version }) => version)).toEqual(["1.2.4"]);
  expect(imagesOf(world, LABELS.validator)).toEqual(old);
  run.until("the observer is gone", () => imagesOf(world, LABELS.observer).length === 0);
  world.edit(on("1.0.0"));
  run.until("a good spec heals", () => isReady(world));
});

test("one that crashes ends it as the release's fault; a pause in between goes on where it was", () => {
  const { world, run } = begun();
  world.edit(on("1.2.1"));
  run.until("it begins", () => last(world)?.status.state === "Observing");
  world.edit((spec) => ({ ...spec, paused: true }));
  run.until("it is paused", () => last(world)?.status.state === "Paused");
  world.edit((spec) => ({ ...spec, paused: false }));
  run.until("it goes on", () => last(world)?.status.state === "Observing");
  run.until("it is rolled back", () => last(world)?.status.state === "RolledBack");
  expect(last(world)?.status).toMatchObject({ moved: [], rollbackCause: "Release" });
  expect(last(world)?.status.incident?.logs).toContain("told to crash");
});

test("without phase 0 nobody follows first", () => {
  const { world, run } = begun();
  world.edit((spec) => ({ ...on("1.1.0")(spec), rollout: { ...spec.rollout, observeSeconds: 0 } }));
  run.until("it begins", () => last(world)?.status.state === "Moving");
  expect(last(world)?.status.phase).toBe(1);
});

test("observers of the spec follow without a vote, go to a new release one at a time, and leave no trace", () => {
  const { world, run } = begun(2);
  expect(world.status().observers?.map(({ id, state }) => [id, state])).toEqual([
    [0, "Following"],
    [1, "Following"],
  ]);
  expect(world.find("PodDisruptionBudget", "payments")?.spec).toMatchObject({ minAvailable: 3 });
  expect(world.find("PodDisruptionBudget", "payments-observers")?.spec).toMatchObject({ maxUnavailable: 1 });
  expect(world.find("Service", "payments-observers")?.spec).toMatchObject({
    selector: { [LABELS.cluster]: "payments.observer" },
  });
  world.edit(on("1.1.0"));
  let away = 0;
  run.until("a validator is on the new release", () => {
    const ready = world.objects("Pod").filter((pod) => pod.metadata.labels[LABELS.observer]?.length === 1);
    away = Math.max(away, 2 - ready.filter((pod) => world.nodes.isReady(pod)).length);
    return imagesOf(world, LABELS.validator).includes("hmn-node:1.1.0");
  });
  run.until("the observers are on it", () => !imagesOf(world, LABELS.observer).includes("hmn-node:1.0.0"));
  expect(away).toBeLessThan(2);
  run.until("the upgrade succeeds", () => last(world)?.status.state === "Succeeded" && isReady(world));
  world.edit((spec) => ({ ...spec, observers: { ...spec.observers, replicas: 1 } }));
  run.until("one leaves", () => imagesOf(world, LABELS.observer).length === 1 && isReady(world));
  expect(world.find("StatefulSet", observerSetName("payments", observerId(1)))).toBeUndefined();
  world.edit((spec) => ({ ...spec, observers: { ...spec.observers, replicas: 0 } }));
  run.until("all have left", () => imagesOf(world, LABELS.observer).length === 0 && isReady(world));
  expect(world.find("Service", "payments-observers")).toBeUndefined();
  expect(world.find("PodDisruptionBudget", "payments-observers")).toBeUndefined();
  expect(world.status().observers).toBeUndefined();
});
