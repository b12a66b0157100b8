import { describe, expect, test } from "vitest";
import type { ClusterSpec } from "../api/cluster.ts";
import { LABELS } from "../api/group.ts";
import { createWorld, type World } from "./world.ts";
import { createRunner, type Runner } from "./world-run.ts";

function begin(seed: number): { world: World; run: Runner } {
  const world = createWorld({
    spec: {
      version: "1.0.0",
      image: { reference: "hmn-node:1.0.0" },
      network: "payments",
      rollout: { phases: [{ percent: 100, soakSeconds: 8 }], settleSeconds: 2, intervalSeconds: 4, minimumSamples: 10 },
    },
    behaviour: () => ({ latencySeconds: 0.004, pullable: true }),
  });
  const run = createRunner(world, { seed: BigInt(seed), faults: seed > 0 });
  run.until("the first deployment is ready", () => isReady(world));
  return { world, run };
}

const isReady = (world: World): boolean =>
  world.status().conditions?.find(({ type }) => type === "Ready")?.status === "True";
const replicas = (count: number) => (spec: ClusterSpec) => ({ ...spec, validators: { replicas: count } });
const members = (world: World) => world.chain.told().validators.map(({ id }) => id);
const counted = (world: World) =>
  world
    .objects("Pod")
    .filter(({ metadata }) => metadata.labels[LABELS.voter] === "true")
    .map(({ metadata }) => Number(metadata.labels[LABELS.validator]));
const least = (world: World) =>
  (world.find("PodDisruptionBudget", "payments")?.spec as { minAvailable: number } | undefined)?.minAvailable ?? 0;

/** Never does the budget let more go than the voters can spare, whoever it counts. */
function expectBudget(world: World) {
  const voters = counted(world).filter((id) => world.chain.isMember(id));
  const strangers = counted(world).length - voters.length;
  expect(least(world)).toBeGreaterThanOrEqual(voters.length + strangers - 1);
}

function expectSteady(world: World, run: Runner) {
  run.pass(12);
  for (let look = 0; look < 5; look += 1) {
    run.pass(1);
    expect(run.look().actions).toEqual([]);
  }
  expect(world.status()).toMatchObject({ phase: "Running" });
  expect(world.status().disruption).toBeUndefined();
}

describe.each([0, 1, 2, 3])("seed %i", (seed) => {
  test("four become six become four: one at a time, and the quorum never goes", () => {
    const { world, run } = begin(seed);
    world.edit(replicas(6));
    run.until("six", () => {
      expectBudget(world);
      return isReady(world) && world.status().size === 6;
    });
    expect(members(world)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(counted(world).toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(least(world)).toBe(5);
    expect(world.status()).toMatchObject({ totalValidators: 6, ready: "6/6" });
    expect(run.lostSeconds()).toBe(0);
    expectSteady(world, run);

    world.edit(replicas(4));
    run.until("four", () => {
      expectBudget(world);
      for (const id of [4, 5]) {
        const left = world.chain.leftIn(id);
        const there = world.find("StatefulSet", `payments-${id}-0`) !== undefined;
        expect(there || (left !== undefined && world.chain.told().epoch >= left + 2)).toBe(true);
      }
      return isReady(world) && world.status().size === 4;
    });
    run.pass(6);
    expect(members(world)).toEqual([0, 1, 2, 3]);
    expect(world.objects("Pod").length).toBe(4);
    for (const [kind, name] of [
      ["Service", "payments-4"],
      ["Secret", "payments-5-tls"],
      ["StatefulSet", "payments-4-0"],
    ] as const)
      expect(world.find(kind, name)).toBeUndefined();
    expect(least(world)).toBe(3);
    expect(run.lostSeconds()).toBe(0);
    expectSteady(world, run);
  });
});

test("who comes back keeps its bond", () => {
  const { world, run } = begin(1);
  for (const count of [5, 4, 5]) {
    world.edit(replicas(count));
    run.until(`${count} validators`, () => isReady(world) && world.status().size === count);
  }
  expect(world.chain.told().governance?.validators.map(({ bond }) => bond)).toEqual(Array(5).fill("1000000000"));
  expectSteady(world, run);
});

test.each([0, 1, 2])("another mind in the middle takes the newcomer back, seed %i", (seed) => {
  const { world, run } = begin(seed);
  for (const step of ["Start", "Order", "Boundary"]) {
    world.edit(replicas(5));
    run.until(step, () => world.status().scale?.step === step || world.status().size === 5);
    world.edit(replicas(4));
    run.until("four again", () => isReady(world) && world.status().size === 4);
    run.pass(6);
    expect(world.objects("Pod").length).toBe(4);
  }
  expect(run.lostSeconds()).toBe(0);
  expectSteady(world, run);
});

test("nothing is scaled while a node is away; the join waits, and goes on afterwards", () => {
  const { world, run } = begin(2);
  world.nodes.stalled.add(1);
  run.pass(20);
  world.edit(replicas(5));
  run.pass(60);
  expect(world.status().scale).toBeUndefined();
  expect(world.status().waitingFor?.reason).toBe("NodesNotReady");
  world.nodes.stalled.clear();
  run.until("five", () => isReady(world) && world.status().size === 5);
});

test("an upgrade and a newcomer at once: one after the other", () => {
  const { world, run } = begin(3);
  world.edit((spec) => ({
    ...replicas(5)(spec),
    version: "1.1.0",
    image: { ...spec.image, reference: "hmn-node:1.1.0" },
  }));
  run.until("both", () => isReady(world) && world.status().size === 5 && world.status().currentVersion === "1.1.0");
  expect(new Set(world.objects("Pod").map(({ metadata }) => metadata.labels[LABELS.revision])).size).toBe(1);
  expect(run.lostSeconds()).toBe(0);
  expectSteady(world, run);
});

test("paused: nobody joins", () => {
  const { world, run } = begin(0);
  world.edit((spec) => ({ ...replicas(5)(spec), paused: true }));
  run.pass(60);
  expect(world.objects("Pod").length).toBe(4);
  expect(isReady(world)).toBe(false);
});
