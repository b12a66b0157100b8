import { expect, test } from "vitest";
import type { ClusterSpec } from "../api/cluster.ts";
import { createWorld, type World } from "./world.ts";
import type { Behaviour } from "./world-nodes.ts";
import { createRunner, type Runner } from "./world-run.ts";

const AFTER_SECONDS = 60;
const good = { latencySeconds: 0.004, pullable: true } as const;
const RELEASES: Readonly<Record<string, Behaviour>> = { "1.1.0": good, "1.2.0": { ...good, damagesAfterSeconds: 10 } };

function fresh(seed: number, validators = 4, weights?: readonly number[]): { world: World; run: Runner } {
  const world = createWorld({
    ...(weights === undefined ? {} : { weights }),
    spec: {
      version: "1.0.0",
      image: { reference: "hmn-node:1.0.0" },
      network: "payments",
      validators: { replicas: validators },
      storage: { rebuildDamaged: { afterSeconds: AFTER_SECONDS } },
      rollout: {
        phases: [
          { percent: 20, soakSeconds: 8 },
          { percent: 100, soakSeconds: 8 },
        ],
        ...{ observeSeconds: 0, settleSeconds: 2, intervalSeconds: 4, minimumSamples: 10 },
      },
    },
    behaviour: (version) => RELEASES[version] ?? good,
  });
  return { world, run: createRunner(world, { seed: BigInt(seed), faults: seed > 0 }) };
}

function begin(...args: Parameters<typeof fresh>): ReturnType<typeof fresh> {
  const begun = fresh(...args);
  begun.run.until("the first deployment is ready", () => isReady(begun.world));
  return begun;
}

const isReady = (world: World): boolean =>
  world.status().conditions?.find(({ type }) => type === "Ready")?.status === "True";
const setsOf = (world: World, validator: number) =>
  world
    .objects("StatefulSet")
    .flatMap(({ metadata: { name } }) => (name.startsWith(`payments-${validator}-`) ? name : []));
const keyOf = (world: World, validator: number) =>
  world.chain.told().validators.find(({ id }) => id === validator)?.publicKey;
const damage = (world: World, validator: number, incarnation = 0) =>
  world.volumes.damage(`data-payments-${validator}-${incarnation}-0`);
const upgrade = (world: World, version: string) =>
  world.edit((spec) => ({ ...spec, version, image: { ...spec.image, reference: `hmn-node:${version}` } }));
const policy = (value: "Never" | "After") => (spec: ClusterSpec) => ({
  ...spec,
  storage: { ...spec.storage, rebuildDamaged: { policy: value, afterSeconds: AFTER_SECONDS } },
});
const untilTold = (world: World, run: Runner, reason: string) =>
  run.until(`${reason} is told`, () => world.status().waitingFor?.reason === reason);
const waitsFor = (world: World): string => world.status().waitingFor?.message ?? "";

test.each([0, 1, 2, 3])(
  "damaged data: a new volume, a new key, and its old node is stopped at once, seed %i",
  (seed) => {
    const { world, run } = begin(seed);
    const before = keyOf(world, 2);
    damage(world, 2);
    untilTold(world, run, "DataDamaged");
    const since = world.now();
    expect(isReady(world)).toBe(false);
    run.until("it is given up", () => world.status().replacement?.step === "Start");
    expect(world.now() - since).toBeGreaterThanOrEqual((AFTER_SECONDS - 1) * 1000);
    run.until("it votes again", () => isReady(world));
    expect(setsOf(world, 2)).toEqual(["payments-2-1"]);
    expect(world.find("PersistentVolumeClaim", "data-payments-2-0-0")).toBeDefined();
    expect(keyOf(world, 2)).not.toBe(before);
    expect(run.lostSeconds()).toBe(0);
    expect(world.events.some((event) => event.startsWith("DataDamaged: validator 2"))).toBe(true);
    expect(world.events.some((event) => event.startsWith("ValidatorReplaced: validator 2"))).toBe(true);
    run.pass(12);
    expect(run.look().actions).toEqual([]);
  },
);

test.each([4, 7])(
  "a release that damages what it runs on goes back first, then its node of %i is rebuilt",
  (validators) => {
    const { world, run } = begin(1, validators);
    upgrade(world, "1.2.0");
    run.until("it goes back", () => world.rollouts().at(-1)?.status.state === "RollingBack");
    expect(world.status().replacement).toBeUndefined();
    run.until("the rollback ends", () => world.rollouts().at(-1)?.status.state === "RolledBack", 1_200);
    const { timeline = [], moved = [], rollbackCause } = world.rollouts().at(-1)?.status ?? {};
    expect(rollbackCause).toBe("Release");
    const told = timeline.map(({ event }) => event).filter((event) => /RollingBack|Rebuil|RolledBack/.test(event));
    const rebuilt = moved.flatMap(() => ["NodeRebuilding", "NodeRebuilt"]);
    expect(told).toEqual(["RollingBack", ...rebuilt, "RolledBack"]);
    for (const id of moved) expect(setsOf(world, id)).toEqual([`payments-${id}-1`]);
    expect(world.nodes.voting()).toHaveLength(validators);
    expect(run.lostSeconds()).toBe(0);
  },
);

test("in a rollback nothing is gained by waiting", () => {
  const { world, run } = begin(0);
  upgrade(world, "1.2.0");
  run.until("it goes back", () => world.rollouts().at(-1)?.status.state === "RollingBack");
  run.until("the damage is seen again", () => world.status().replacement !== undefined);
  run.until("it is given up", () => world.status().replacement?.step === "Start", AFTER_SECONDS / 3);
});

test("an upgrade waits for who is rebuilt, instead of being blamed for it", () => {
  const { world, run } = begin(2);
  damage(world, 3);
  upgrade(world, "1.1.0");
  run.until("the upgrade succeeds", () => isReady(world) && world.status().currentVersion === "1.1.0", 1_500);
  expect(world.rollouts().map(({ status }) => status.state)).toEqual(["Succeeded", "Succeeded"]);
  expect(setsOf(world, 3)).toEqual(["payments-3-1"]);
});

test("more than may fail at once: none is rebuilt, a person is asked, and who is mended comes back", () => {
  // Three light ones of seven: the others are a quorum without them.
  const { world, run } = begin(1, 7, [200, 200, 200, 200, 50, 50, 50]);
  for (const id of [4, 5, 6]) damage(world, id);
  untilTold(world, run, "TooManyDamaged");
  run.pass(AFTER_SECONDS * 2);
  expect(world.status().waitingFor).toMatchObject({ reason: "TooManyDamaged", who: "User" });
  expect(world.status().conditions?.find(({ type }) => type === "Stalled")?.status).toBe("True");
  expect(waitsFor(world)).toContain("4, 5, 6");
  expect(world.objects("StatefulSet")).toHaveLength(7);
  expect(run.lostSeconds()).toBe(0);
  for (const id of [4, 5]) world.volumes.empty(`data-payments-${id}-0-0`);
  run.until("all vote again", () => isReady(world), 2_000);
  expect(world.status().incarnations).toEqual([{ validator: 6, incarnation: 1 }]);
});

test("in a first deployment, which has nothing to go back to, it is rebuilt", () => {
  const { world, run } = fresh(0);
  run.until("a quorum serves", () => world.nodes.voting().length === 4);
  damage(world, 3);
  run.until("it is held", () => world.rollouts()[0]?.status.pauseReason === "FirstDeploymentFailed");
  run.until("it succeeds", () => isReady(world));
  expect(world.rollouts().map(({ status }) => status.state)).toEqual(["Succeeded"]);
  expect(setsOf(world, 3)).toEqual(["payments-3-1"]);
});

test("two of seven: one after the other", () => {
  const { world, run } = begin(3, 7);
  damage(world, 5);
  damage(world, 6);
  untilTold(world, run, "DataDamaged");
  run.until(
    "both vote again",
    () => {
      expect(setsOf(world, 5).length + setsOf(world, 6).length).toBeLessThanOrEqual(3);
      return isReady(world);
    },
    1_500,
  );
  expect(world.status().incarnations).toEqual([
    { validator: 5, incarnation: 1 },
    { validator: 6, incarnation: 1 },
  ]);
  expect(run.lostSeconds()).toBe(0);
});

test("damaged on the new volume as well: not volume after volume", () => {
  const { world, run } = begin(0);
  damage(world, 2);
  run.until("a rebuild has begun", () => world.find("Pod", "payments-2-1-0") !== undefined);
  run.pass(2);
  damage(world, 2, 1);
  run.until("a person is asked", () => world.status().waitingFor?.who === "User");
  expect(waitsFor(world)).toContain("on its new volume as well");
  run.pass(AFTER_SECONDS * 2);
  expect(world.status().replacement?.incarnation).toBe(1);
  world.volumes.empty("data-payments-2-1-0");
  world.remove("Pod", "payments-2-1-0");
  run.until("it votes again", () => isReady(world));
});

test("never without being asked; and who waits for a person keeps nobody else waiting", () => {
  const { world, run } = begin(1, 7);
  world.edit(policy("Never"));
  damage(world, 2);
  run.pass(AFTER_SECONDS * 2);
  expect(world.status().waitingFor).toMatchObject({ reason: "DataDamaged", who: "User" });
  expect(waitsFor(world)).toContain("spec.storage.rebuildDamaged.policy");
  expect(setsOf(world, 2)).toEqual(["payments-2-0"]);
  expect(run.look().actions).toEqual([]);
  world.volumes.empty("data-payments-4-0-0");
  world.remove("Pod", "payments-4-0-0");
  run.until("the other one gets its key", () =>
    world.events.some((event) => event.includes("ValidatorReplaced: validator 4")),
  );
  world.edit(policy("After"));
  run.until("it votes again", () => isReady(world));
});

test("no quorum, no rebuild", () => {
  const { world, run } = begin(0);
  damage(world, 2);
  world.nodes.stalled.add(3);
  run.pass(AFTER_SECONDS * 2);
  expect(setsOf(world, 2)).toEqual(["payments-2-0"]);
  expect(waitsFor(world)).toContain("quorum");
  world.nodes.stalled.clear();
  run.until("it votes again", () => isReady(world));
});
