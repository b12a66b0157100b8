import { describe, expect, test } from "vitest";
import type { ClusterSpec } from "../api/cluster.ts";
import { volumeSize } from "../desired/stateful-set.ts";
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

const condition = (world: World, type: string) =>
  world.status().conditions?.find((candidate) => candidate.type === type)?.status;
const isReady = (world: World): boolean => condition(world, "Ready") === "True";
const ofSize = (size: string) => (spec: ClusterSpec) => ({ ...spec, storage: { ...spec.storage, size } });
const onRelease = (version: string) => (spec: ClusterSpec) => ({
  ...spec,
  version,
  image: { ...spec.image, reference: `hmn-node:${version}` },
});
const asked = (world: World) =>
  world
    .objects("PersistentVolumeClaim")
    .map(({ spec }) => (spec as { resources: { requests: { storage: string } } }).resources.requests.storage);
const templates = (world: World) => world.snapshot().statefulSets.map(volumeSize);
/** Validators whose StatefulSets have the new size, too. */
const done = (world: World) => templates(world).filter((size) => size === "2Gi").length;
const pods = (world: World) => world.objects("Pod").map(({ metadata }) => metadata.uid);

describe.each([0, 1, 2, 3])("seed %i", (seed) => {
  test("volumes grow one by one, and no pod stops", () => {
    const { world, run } = begin(seed);
    const before = pods(world);
    world.edit(ofSize("2Gi"));
    let most = 0;
    run.until("all have grown", () => {
      most = Math.max(most, asked(world).filter((size) => size === "2Gi").length - done(world));
      return asked(world).every((size) => size === "2Gi") && isReady(world);
    });
    expect(most).toBeLessThanOrEqual(1);
    expect(templates(world)).toEqual(Array(4).fill("2Gi"));
    expect(pods(world)).toEqual(before);
    expect(run.lostSeconds()).toBe(0);
    run.pass(12);
    expect(run.look().actions).toEqual([]);
    expect(world.status().growth).toBeUndefined();
  });

  test("observers' volumes grow as well, after the validators'", () => {
    const { world, run } = begin(seed);
    world.edit((spec) => ({ ...spec, observers: { ...spec.observers, replicas: 2 } }));
    run.until("the observers follow", () => isReady(world) && templates(world).length === 6);
    const before = pods(world);
    const grown: (number | undefined)[] = [];
    world.edit(ofSize("2Gi"));
    run.until("all have grown", () => {
      const { growth } = world.status();
      if (growth !== undefined) grown.push(growth.observer ?? growth.validator);
      return asked(world).every((size) => size === "2Gi") && isReady(world);
    });
    expect(templates(world)).toEqual(Array(6).fill("2Gi"));
    expect(grown.filter((id, index) => id !== grown[index - 1])).toEqual([0, 1, 2, 3, 0, 1]);
    expect(pods(world)).toEqual(before);
    run.pass(12);
    expect(run.look().actions).toEqual([]);
  });

  test("a storage that cannot grow: it is said, nothing is half done, and it goes on once it can", () => {
    const { world, run } = begin(seed);
    world.volumes.expands = false;
    world.edit(ofSize("2Gi"));
    run.until("it is said", () => world.status().waitingFor?.reason === "VolumesCannotGrow");
    run.pass(300);
    expect(condition(world, "Stalled")).toBe("True");
    expect(world.status().waitingFor?.message).toContain("only dynamically provisioned");
    expect(asked(world)).toEqual(Array(4).fill("1Gi"));
    expect(templates(world)).toEqual(Array(4).fill("1Gi"));
    world.edit(onRelease("1.1.0"));
    run.until("an upgrade goes through all the same", () => world.status().currentVersion === "1.1.0");
    world.volumes.expands = true;
    run.until("all have grown", () => isReady(world), 900);
    expect(asked(world)).toEqual(Array(4).fill("2Gi"));
  });
});

test("never in a rollout", () => {
  const { world, run } = begin(1);
  world.edit((spec) => ofSize("2Gi")(onRelease("1.1.0")(spec)));
  run.until("the upgrade is over", () => {
    if (world.status().currentVersion !== "1.1.0") expect(asked(world)).toEqual(Array(4).fill("1Gi"));
    return world.status().currentVersion === "1.1.0";
  });
  run.until("all have grown", () => isReady(world));
  expect(asked(world)).toEqual(Array(4).fill("2Gi"));
});
