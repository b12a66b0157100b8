import { describe, expect, test } from "vitest";
import type { ClusterSpec } from "../api/cluster.ts";
import { createWorld, type World } from "./world.ts";
import { createRunner, type Runner } from "./world-run.ts";

const AFTER = { policy: "After", afterSeconds: 60 } as const;

function begin(seed: number, validators = 4): { world: World; run: Runner } {
  const world = createWorld({
    spec: {
      version: "1.0.0",
      image: { reference: "hmn-node:1.0.0" },
      network: "payments",
      validators: { replicas: validators },
      storage: { replaceLostVolumes: AFTER },
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
const sets = (world: World) => world.objects("StatefulSet").map(({ metadata }) => metadata.name);
const votesWith = (world: World, validator: number) =>
  world.chain.told().validators.find(({ id }) => id === validator)?.publicKey;

/** The volume of a validator's first incarnation goes, and its pod with it. */
function loseVolume(world: World, validator: number): void {
  world.volumes.lose(`data-payments-${validator}-0-0`);
  world.remove("Pod", `payments-${validator}-0-0`);
}

function expectSteady(world: World, run: Runner) {
  run.pass(12);
  for (let look = 0; look < 5; look += 1) {
    run.pass(1);
    expect(run.look().actions).toEqual([]);
  }
  expect(world.status().replacement).toBeUndefined();
  expect(world.status().phase).toBe("Running");
}

describe.each([0, 1, 2, 3])("seed %i", (seed) => {
  test("a volume lost for good: a new node, a new key, and nothing is left of the old one", () => {
    const { world, run } = begin(seed);
    const before = votesWith(world, 2);
    loseVolume(world, 2);
    run.until("the loss is told", () => world.status().waitingFor?.reason === "VolumeLost");
    expect(isReady(world)).toBe(false);
    expect(sets(world)).not.toContain("payments-2-1");
    run.until("it votes again", () => isReady(world));
    expect(sets(world)).toEqual(["payments-0-0", "payments-1-0", "payments-3-0", "payments-2-1"]);
    expect(world.status().incarnations).toEqual([{ validator: 2, incarnation: 1 }]);
    expect(votesWith(world, 2)).not.toBe(before);
    expect(run.lostSeconds()).toBe(0);
    expectSteady(world, run);
  });

  test("a host lost for good: its pod is forgotten only once its key has no vote", () => {
    const { world, run } = begin(seed);
    world.volumes.lostHosts.add("host-1");
    run.until("the loss is told", () => world.status().waitingFor?.reason === "HostLost");
    run.until("its key is replaced", () => world.status().replacement?.step === "Retire", 900);
    expect(world.find("Pod", "payments-1-0-0")).toBeDefined();
    run.until("it votes again", () => isReady(world));
    expect(sets(world)).toContain("payments-1-1");
    expect(sets(world)).not.toContain("payments-1-0");
    expect(world.find("Pod", "payments-1-0-0")).toBeUndefined();
    expect(run.lostSeconds()).toBe(0);
    expectSteady(world, run);
  });

  test("a volume that was emptied: the key that its node made is ordered", () => {
    const { world, run } = begin(seed);
    world.volumes.empty("data-payments-3-0-0");
    world.remove("Pod", "payments-3-0-0");
    run.until("the loss is seen", () => world.status().replacement?.cause === "KeyLost");
    run.until("it votes again", () => isReady(world));
    expect(sets(world)).toContain("payments-3-0");
    expect(world.status().incarnations).toBeUndefined();
    expect(run.lostSeconds()).toBe(0);
    expectSteady(world, run);
  });
});

test("two of seven are lost: one after the other", () => {
  const { world, run } = begin(1, 7);
  loseVolume(world, 5);
  world.volumes.lostHosts.add("host-6");
  run.until("the loss is told", () => world.status().waitingFor?.reason === "VolumeLost");
  run.until(
    "both vote again",
    () => {
      const votes = (id: number) => world.nodes.voting().includes(id);
      const under = sets(world).filter((name) => name.endsWith("-1") && !votes(Number(name.split("-")[1])));
      expect(under.length).toBeLessThanOrEqual(1);
      return isReady(world);
    },
    1_200,
  );
  expect(world.status().incarnations).toEqual([
    { validator: 5, incarnation: 1 },
    { validator: 6, incarnation: 1 },
  ]);
  expect(run.lostSeconds()).toBe(0);
});

test.each([0, 1, 2])("a host that comes back in time takes the newcomer back, seed %i", (seed) => {
  const { world, run } = begin(seed);
  world.volumes.lostHosts.add("host-1");
  run.until("a replacement has begun", () => sets(world).includes("payments-1-1"));
  world.volumes.lostHosts.clear();
  run.until("the old one votes", () => isReady(world));
  expect(sets(world)).toEqual(["payments-0-0", "payments-1-0", "payments-2-0", "payments-3-0"]);
  expect(world.status().incarnations).toBeUndefined();
  expectSteady(world, run);
});

test.each([0, 1, 2])("a host that comes back after the order stays silent, and the new node votes, seed %i", (seed) => {
  const { world, run } = begin(seed);
  world.volumes.lostHosts.add("host-1");
  run.until("the replacement is ordered", () => world.status().replacement?.step === "Boundary");
  world.volumes.lostHosts.clear();
  run.until("the new one votes", () => isReady(world), 900);
  expect(sets(world)).toContain("payments-1-1");
  expect(run.lostSeconds()).toBe(0);
  expectSteady(world, run);
});

test("the new volume is lost as well: another one", () => {
  const { world, run } = begin(2);
  loseVolume(world, 2);
  run.until("a replacement has begun", () => world.find("Pod", "payments-2-1-0") !== undefined);
  run.pass(2);
  world.volumes.lose("data-payments-2-1-0");
  world.remove("Pod", "payments-2-1-0");
  run.until("it votes again", () => isReady(world), 900);
  expect(world.status().incarnations).toEqual([{ validator: 2, incarnation: 2 }]);
  expect(sets(world).filter((name) => name.startsWith("payments-2"))).toEqual(["payments-2-2"]);
  expectSteady(world, run);
});

test("never without being asked: it waits for a person, who may ask at any time", () => {
  const { world, run } = begin(1);
  const policy = (value: "Never" | "After") => (spec: ClusterSpec) => ({
    ...spec,
    storage: { ...spec.storage, replaceLostVolumes: { ...AFTER, policy: value } },
  });
  world.edit(policy("Never"));
  loseVolume(world, 2);
  run.pass(300);
  expect(sets(world)).not.toContain("payments-2-1");
  expect(world.status().waitingFor).toMatchObject({ reason: "VolumeLost", who: "User" });
  expect(run.look().actions).toEqual([]);
  world.edit(policy("After"));
  run.until("it votes again", () => isReady(world));
});

test("no quorum, no replacement", () => {
  const { world, run } = begin(0);
  loseVolume(world, 2);
  world.nodes.stalled.add(3);
  run.pass(300);
  expect(sets(world)).not.toContain("payments-2-1");
  expect(world.status().waitingFor?.message).toContain("quorum");
  world.nodes.stalled.clear();
  run.until("it votes again", () => isReady(world));
});

test("a crash, a drained host and a pod that no host takes lose nothing", () => {
  const { world, run } = begin(0);
  world.nodes.cordoned.add(1);
  world.remove("Pod", "payments-1-0-0");
  world.nodes.stalled.add(2);
  run.pass(300);
  expect(world.status().replacement).toBeUndefined();
  expect(sets(world)).toHaveLength(4);
});

test.each([4, 7])("a volume lost in the middle of an upgrade of %i: both come right", (validators) => {
  const { world, run } = begin(3, validators);
  world.edit((spec) => ({ ...spec, version: "1.1.0", image: { ...spec.image, reference: "hmn-node:1.1.0" } }));
  run.until("a validator moves", () => (world.rollouts().at(-1)?.status.moved?.length ?? 0) === 2);
  loseVolume(world, 0);
  run.until("both", () => isReady(world) && world.status().currentVersion === "1.1.0", 2_400);
  expect(sets(world)).toContain("payments-0-1");
  expect(run.lostSeconds()).toBe(0);
});
