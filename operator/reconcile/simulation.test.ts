import { describe, expect, test } from "vitest";
import { seededRandom } from "../../node/base/random.ts";
import type { ClusterSpec, ClusterSpecInput } from "../api/cluster.ts";
import { LABELS } from "../api/group.ts";
import { createWorld, type World } from "./world.ts";
import type { Behaviour } from "./world-nodes.ts";
import { createRunner, type Runner } from "./world-run.ts";

const releases: Readonly<Record<string, Behaviour>> = {
  "1.0.0": { latencySeconds: 0.004, pullable: true },
  "1.1.0": { latencySeconds: 0.004, pullable: true },
  "1.2.0": { latencySeconds: 3, pullable: true },
  "1.2.1": { latencySeconds: 0.004, pullable: true, crashAfterSeconds: 5 },
  "1.2.2": { latencySeconds: 0.004, pullable: false },
  "1.2.3": { latencySeconds: 0.004, pullable: true, failsOfTen: 2 },
};

const behaviourOf = (version: string): Behaviour => releases[version] ?? { latencySeconds: 0, pullable: false };

const specOf = (version: string, replicas = 4): ClusterSpecInput => ({
  version,
  image: { reference: `hmn-node:${version}` },
  network: "payments",
  validators: { replicas },
  rollout: {
    phases: [
      { percent: 20, soakSeconds: 12 },
      { percent: 80, soakSeconds: 12 },
      { percent: 100, soakSeconds: 12 },
    ],
    observeSeconds: 5,
    settleSeconds: 3,
    intervalSeconds: 4,
    progressDeadlineSeconds: 90,
    minimumSamples: 10,
  },
});
const on = (version: string) => (spec: ClusterSpec) => ({
  ...spec,
  version,
  image: { ...spec.image, reference: `hmn-node:${version}` },
});

/** Seed 0 is without faults of the operator. */
function begin(seed: number, replicas = 4): { world: World; run: Runner } {
  const world = createWorld({
    spec: specOf("1.0.0", replicas),
    behaviour: behaviourOf,
  });
  const run = createRunner(world, { seed: BigInt(seed), faults: seed > 0 });
  run.until("the first deployment is ready", () => condition(world, "Ready") === "True");
  return { world, run };
}

const condition = (world: World, type: string) =>
  world.status().conditions?.find((candidate) => candidate.type === type)?.status;
const reason = (world: World, type: string) =>
  world.status().conditions?.find((candidate) => candidate.type === type)?.reason;
const versions = (world: World) => (world.status().validators ?? []).map(({ version }) => version);
const last = (world: World) => world.rollouts().at(-1);

function expectSteady(world: World, run: Runner) {
  run.pass(20);
  for (let look = 0; look < 5; look += 1) {
    run.pass(1);
    expect(run.look().actions).toEqual([]);
  }
  expect(world.downByUs.size).toBe(0);
  expect(world.objects("Pod").every((pod) => pod.metadata.labels[LABELS.voter] === "true")).toBe(true);
}

const seeds = [0, 1, 2];

describe.each(seeds)("seed %i", (seed) => {
  test("bring-up in phases, then nothing to do", () => {
    const { world, run } = begin(seed);
    const rollout = last(world);
    expect(rollout?.spec.kind).toBe("FirstDeployment");
    expect(rollout?.status.state).toBe("Succeeded");
    expect(
      rollout?.status.timeline?.filter(({ event }) => event === "NodesStarting").map(({ message }) => message),
    ).toEqual(["phase 1: node 0", "phase 2: node 1, 2", "phase 3: node 3"]);
    expect(world.status()).toMatchObject({ phase: "Running", currentVersion: "1.0.0", ready: "4/4" });
    expect(world.status().waitingFor).toBeUndefined();
    expect(world.status().validators).toMatchObject(
      [0, 1, 2, 3].map((id) => ({ id, host: `host-${id}`, zone: `z${id}`, weight: 100, voting: true })),
    );
    expect(condition(world, "Reconciling")).toBeUndefined();
    expect(condition(world, "FaultDomainsSafe")).toBe("True");
    expect(world.find("PodDisruptionBudget", "payments")?.spec).toMatchObject({ minAvailable: 3 });
    expect(run.lostSeconds()).toBe(0);
    expectSteady(world, run);
  });

  test("a good upgrade moves every node, one at a time, without losing the quorum", () => {
    const { world, run } = begin(seed);
    world.edit(on("1.1.0"));
    run.until("upgraded", () => condition(world, "Ready") === "True" && world.status().currentVersion === "1.1.0");
    expect(versions(world)).toEqual(["1.1.0", "1.1.0", "1.1.0", "1.1.0"]);
    expect(last(world)?.status).toMatchObject({ state: "Succeeded", phase: 3, moved: [0, 1, 2, 3] });
    expect(condition(world, "RolledBack")).toBe("False");
    expect(run.lostSeconds()).toBe(0);
    expectSteady(world, run);
  });

  test.each([
    ["slow", "1.2.0", "latencyP95"],
    ["failing", "1.2.3", "errors"],
  ])("a %s release is rolled back and quarantined", (_, version, metric) => {
    const { world, run } = begin(seed);
    world.edit(on(version));
    let isolated = 0;
    run.until("rolled back", () => {
      const away = world.objects("Pod").filter((pod) => pod.metadata.labels[LABELS.serving] === "false").length;
      isolated = Math.max(isolated, away);
      return last(world)?.status.state === "RolledBack";
    });
    expect(isolated).toBe(1);
    run.pass(5);
    const incident = last(world)?.status.incident;
    expect(incident?.cause).toBe("Release");
    expect(incident?.suspected).toContain(`version 1.0.0 -> ${version}`);
    expect(incident?.suspected).toContain(metric);
    expect(incident?.windows.length).toBe(2);
    expect(incident?.resolvedAt).toBeDefined();
    expect(last(world)?.status.moved).toEqual([0]);
    expect(versions(world)).toEqual(["1.0.0", "1.0.0", "1.0.0", "1.0.0"]);
    expect(world.status()).toMatchObject({ phase: "Stalled", waitingFor: { reason: "Quarantined", who: "User" } });
    expect([reason(world, "Stalled"), condition(world, "RolledBack"), condition(world, "Ready")]).toEqual([
      "Quarantined",
      "True",
      "False",
    ]);
    expect(run.lostSeconds()).toBe(0);
    expectSteady(world, run);
    // Back to the good spec: nothing to roll out, nothing stalled.
    world.edit(on("1.0.0"));
    run.until("ready again", () => condition(world, "Ready") === "True");
    expect(condition(world, "Stalled")).toBeUndefined();
    expect(world.rollouts().length).toBe(2);
  });

  test("a crashing release is rolled back with its log", () => {
    const { world, run } = begin(seed);
    world.edit(on("1.2.1"));
    run.until("rolled back", () => last(world)?.status.state === "RolledBack");
    run.pass(3);
    expect(last(world)?.status.incident).toMatchObject({ cause: "Release", logs: "fatal: told to crash" });
    expect(world.status().quarantine?.map(({ version }) => version)).toEqual(["1.2.1"]);
    expect(run.lostSeconds()).toBe(0);
    expectSteady(world, run);
  });

  test("an image that cannot be pulled goes back early, is tried again later, and a good spec heals at once", () => {
    const { world, run } = begin(seed);
    world.edit(on("1.2.2"));
    const began = world.now();
    run.until("rolled back", () => last(world)?.status.state === "RolledBack");
    expect(world.now() - began).toBeLessThan(60_000);
    run.pass(3);
    expect(last(world)?.status).toMatchObject({ rollbackCause: "Environment", incident: { cause: "Environment" } });
    expect(world.status().quarantine).toEqual([]);
    expect(world.status().waitingFor?.reason).toBe("Suspended");
    expect(condition(world, "Stalled")).toBeUndefined();
    run.until("tried again", () => world.rollouts().length === 3, 120);
    world.edit(on("1.1.0"));
    run.until("healed", () => condition(world, "Ready") === "True" && world.status().currentVersion === "1.1.0");
    expect(run.lostSeconds()).toBe(0);
    expectSteady(world, run);
  });

  test("a second change supersedes the first; nodes go back before others move", () => {
    const { world, run } = begin(seed);
    world.edit(on("1.2.0"));
    run.until("a node moved", () => world.rollouts().length === 2 && last(world)?.status.moved?.length === 1);
    world.edit(on("1.1.0"));
    let most = 0;
    run.until("done", () => {
      const revisions = new Set(world.objects("Pod").map((pod) => pod.metadata.labels[LABELS.revision]));
      most = Math.max(most, revisions.size);
      return condition(world, "Ready") === "True" && world.status().currentVersion === "1.1.0";
    });
    expect(most).toBe(2);
    expect(world.rollouts().map(({ status }) => status.state)).toEqual(["Succeeded", "Superseded", "Succeeded"]);
    expect(world.status().quarantine).toEqual([]);
    expect(run.lostSeconds()).toBe(0);
    expectSteady(world, run);
  });

  test("a node that is drained in an upgrade comes back on its own revision, and the rollout waits for it", () => {
    const { world, run } = begin(seed);
    const before = world.find("Pod", "payments-3-0-0")?.metadata.labels[LABELS.revision];
    world.edit(on("1.1.0"));
    run.until("node 0 moved", () => last(world)?.status.state === "Settling");
    world.nodes.cordoned.add(3);
    world.remove("Pod", "payments-3-0-0");
    run.pass(100);
    expect(last(world)?.status.moved).toEqual([0]);
    expect(world.find("Pod", "payments-3-0-0")?.metadata.labels[LABELS.revision]).toBe(before);
    expect(world.status().validators?.[3]?.problem).toContain("no host takes it");
    world.nodes.cordoned.clear();
    run.until("upgraded", () => condition(world, "Ready") === "True" && world.status().currentVersion === "1.1.0");
    expect(run.lostSeconds()).toBe(0);
    expectSteady(world, run);
  });
});

test("a release that shows its fault late is taken back from three of four nodes", () => {
  const behaviour: Record<string, Behaviour> = { ...releases, "1.3.0": { latencySeconds: 0.004, pullable: true } };
  const world = createWorld({
    spec: specOf("1.0.0"),
    behaviour: (version) => behaviour[version] ?? { latencySeconds: 0, pullable: false },
  });
  const run = createRunner(world, { seed: 7n, faults: true });
  run.until("ready", () => condition(world, "Ready") === "True");
  world.edit(on("1.3.0"));
  run.until(
    "three moved and watched",
    () => last(world)?.status.phase === 2 && last(world)?.status.state === "Soaking",
  );
  behaviour["1.3.0"] = { latencySeconds: 0.004, pullable: true, crashAfterSeconds: 5 };
  run.until("rolled back", () => last(world)?.status.state === "RolledBack");
  run.pass(3);
  expect(versions(world)).toEqual(["1.0.0", "1.0.0", "1.0.0", "1.0.0"]);
  expectSteady(world, run);
});

test.each([21, 22, 23])(
  "nodes hang at random in an upgrade, seed %i: the gate alone, without a budget, spares the quorum",
  (seed) => {
    const world = createWorld({ spec: specOf("1.0.0"), behaviour: behaviourOf, budget: false });
    const run = createRunner(world, { seed: BigInt(seed), faults: false });
    run.until("ready", () => condition(world, "Ready") === "True");
    const random = seededRandom(BigInt(seed));
    let hangs = 0;
    for (let round = 0; round < 6; round += 1) {
      world.edit(on(round % 2 === 0 ? "1.1.0" : "1.0.0"));
      for (let second = 0; second < 40; second += 1) {
        if (world.nodes.stalled.size === 0 && random.oneIn(8)) {
          world.nodes.stalled.add(random.below(4));
          hangs += 1;
        } else if (random.oneIn(6)) world.nodes.stalled.clear();
        // The world itself asserts at each eviction that the others are a quorum.
        run.pass(1);
      }
    }
    expect(hangs).toBeGreaterThan(5);
    world.nodes.stalled.clear();
    run.until("at rest", () => world.rollouts().every(({ status }) => status.completionTime !== undefined));
    expectSteady(world, run);
  },
);

test("seven nodes: quorum and budget by their number", () => {
  const { world, run } = begin(5, 7);
  expect(world.find("PodDisruptionBudget", "payments")?.spec).toMatchObject({ minAvailable: 6 });
  world.edit(on("1.1.0"));
  run.until("upgraded", () => condition(world, "Ready") === "True" && world.status().currentVersion === "1.1.0", 900);
  expect(run.lostSeconds()).toBe(0);
  expectSteady(world, run);
});

test("a first deployment that cannot start holds, and a changed spec moves straight on", () => {
  const world = createWorld({
    spec: specOf("1.2.2"),
    behaviour: behaviourOf,
  });
  const run = createRunner(world, { seed: 3n, faults: true });
  run.until("stalled", () => reason(world, "Stalled") === "FirstDeploymentFailed");
  expect(world.status().validators?.[0]?.problem).toContain("cannot be pulled");
  expect(world.objects("StatefulSet").length).toBe(1);
  world.edit(on("1.0.0"));
  run.until("ready", () => condition(world, "Ready") === "True");
  expect(world.status().quarantine).toEqual([]);
  expect(world.rollouts().map(({ status }) => status.state)).toEqual(["Superseded", "Succeeded"]);
  expectSteady(world, run);
});

test("a first deployment that gets no verdict holds too: there is nothing to go back to", () => {
  const world = createWorld({ spec: specOf("1.2.0"), behaviour: behaviourOf });
  const run = createRunner(world, { seed: 4n, faults: true });
  run.until("stalled", () => reason(world, "Stalled") === "FirstDeploymentFailed");
  expect(last(world)?.status.timeline?.map(({ event }) => event)).not.toContain("RollingBack");
  world.edit(on("1.0.0"));
  run.until("ready", () => condition(world, "Ready") === "True");
  expectSteady(world, run);
});

test("paused: nothing moves, and the rollout goes on afterwards", () => {
  const { world, run } = begin(2);
  world.edit((spec) => ({ ...on("1.1.0")(spec), paused: true }));
  run.pass(30);
  expect(world.rollouts().length).toBe(1);
  expect(world.status().waitingFor?.reason).toBe("Paused");
  world.edit((spec) => ({ ...spec, paused: false }));
  run.until("a node moved", () => last(world)?.status.state === "Settling");
  world.edit((spec) => ({ ...spec, paused: true }));
  run.pass(120);
  expect(last(world)?.status.moved).toEqual([0]);
  world.edit((spec) => ({ ...spec, paused: false }));
  run.until("upgraded", () => condition(world, "Ready") === "True" && world.status().currentVersion === "1.1.0");
});

test("a new word in spec.retry tries quarantined inputs again", () => {
  const { world, run } = begin(1);
  world.edit(on("1.2.0"));
  run.until("quarantined", () => reason(world, "Stalled") === "Quarantined");
  world.edit((spec) => ({ ...spec, retry: "again" }));
  run.until("tried again", () => world.rollouts().length === 3);
  run.until("quarantined again", () => reason(world, "Stalled") === "Quarantined");
  run.pass(60);
  expect(world.rollouts().length).toBe(3);
});

test("without a single client a release is judged by availability and safety alone, and says so", () => {
  const { world, run } = begin(1);
  world.nodes.traffic.batches = 0;
  run.pass(60);
  world.edit(on("1.1.0"));
  run.until("upgraded", () => condition(world, "Ready") === "True" && world.status().currentVersion === "1.1.0");
  expect(last(world)?.status.timeline?.some(({ message }) => message.includes("nobody was served"))).toBe(true);
});

test("an operator that comes back when a soak is over has seen nothing of it, and lets nothing pass", () => {
  const { world, run } = begin(0);
  world.edit(on("1.2.0"));
  run.until("watched", () => last(world)?.status.state === "Soaking");
  for (let second = 0; second < 20; second += 1) world.tick();
  world.nodes.forget();
  // Its first decisions come before it has read any node twice.
  for (let look = 0; look < 5; look += 1) world.carryOut(run.look().actions);
  run.until("rolled back", () => last(world)?.status.state === "RolledBack");
  expect(last(world)?.status.moved).toEqual([0]);
});

test("what others change or delete of ours is put back, what they add stays", () => {
  const { world, run } = begin(0);
  world.remove("Service", "payments-client");
  const set = world.find("StatefulSet", "payments-2-0");
  if (set !== undefined) (set.spec as { replicas: number }).replicas = 3;
  const config = world.find("ConfigMap", "payments-config");
  if (config !== undefined) (config.data as Record<string, string>).note = "mine";
  run.pass(2);
  expect(world.find("Service", "payments-client")).toBeDefined();
  expect(world.find("StatefulSet", "payments-2-0")?.spec).toMatchObject({ replicas: 1 });
  expectSteady(world, run);
});

test("nothing of ours has a finalizer: a cluster and its objects go with no operator there, and there is none to remove", () => {
  const { world } = begin(0);
  const kinds = ["StatefulSet", "Service", "ConfigMap", "Secret", "PodDisruptionBudget", "NetworkPolicy", "HmnRollout"];
  for (const kind of kinds) {
    const things = world.objects(kind);
    expect(things.length, kind).toBeGreaterThan(0);
    for (const { metadata } of things) {
      expect(metadata, kind).not.toHaveProperty("finalizers");
    }
  }
});

test("the faults happened", () => {
  const { run } = begin(1);
  expect(run.crashes()).toBeGreaterThan(0);
  expect(run.staleLooks()).toBeGreaterThan(0);
});
