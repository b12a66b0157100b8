import { expect, test } from "vitest";
import type { ClusterSpec, ClusterSpecInput } from "../api/cluster.ts";
import { createWorld, type World } from "./world.ts";
import { createRunner, type Runner } from "./world-run.ts";

const WINDOW = 120;

/** Release 2 can run the second state version, release 1 only the first. */
function begin(
  seed: number,
  changes: Partial<ClusterSpecInput> = {},
  behaviour: (version: string) => { latencySeconds: number } = () => ({ latencySeconds: 0.004 }),
): { world: World; run: Runner } {
  const world = createWorld({
    spec: {
      version: "1.0.0",
      image: { reference: "hmn-node:1.0.0" },
      network: "payments",
      rollout: {
        phases: [
          { percent: 25, soakSeconds: 8 },
          { percent: 100, soakSeconds: 8 },
        ],
        ...{ settleSeconds: 2, intervalSeconds: 4, minimumSamples: 10, rollbackWindowSeconds: WINDOW },
      },
      ...changes,
    },
    behaviour: (version) => ({ ...behaviour(version), pullable: true, stateVersion: version.startsWith("2") ? 2 : 1 }),
  });
  const run = createRunner(world, { seed: BigInt(seed), faults: seed > 0 });
  run.until("the first deployment is ready", () => isReady(world));
  return { world, run };
}

const isReady = (world: World): boolean =>
  world.status().conditions?.find(({ type }) => type === "Ready")?.status === "True";
const onto = (version: string) => (spec: ClusterSpec) => ({
  ...spec,
  version,
  image: { ...spec.image, reference: `hmn-node:${version}` },
});
const runs = (world: World, version: string) => () => world.status().currentVersion === version && isReady(world);

test.each([0, 1, 2])(
  "seed %i: the old rules hold until every node, the soak and the rollback window are through",
  (seed) => {
    const { world, run } = begin(seed);
    run.pass(60);
    // Nothing newer can be run: nothing is waited for.
    expect(world.status().waitingFor).toBeUndefined();
    expect(world.status().protocol).toMatchObject({ stateVersion: 1, ableVersion: 1 });
    world.edit(onto("2.0.0"));
    run.until("all run it", () => {
      expect(world.chain.stateVersion()).toBe(1);
      return runs(world, "2.0.0")();
    });
    const done = world.now();
    run.until("the window is waited for", () => world.status().waitingFor?.reason === "RollbackWindow");
    expect(world.status()).toMatchObject({ phase: "Running", protocol: { stateVersion: 1, ableVersion: 2 } });
    expect(world.status().protocol?.leastVersion).toBeUndefined();
    run.until("the rules are activated", () => world.chain.stateVersion() === 2, 600);
    expect(world.now() - done).toBeGreaterThanOrEqual(1000 * (WINDOW - 10));
    run.until("status says so", () => world.status().protocol?.stateVersion === 2);
    expect(world.status().protocol).toMatchObject({ ableVersion: 2, leastVersion: "2.0.0" });
    run.pass(20);
    expect(world.status().waitingFor).toBeUndefined();
    // An event that a crash cuts off, after the status that it speaks of, is not made up for.
    const told = world.events.filter((text) => text.startsWith("ProtocolActivated: ")).length;
    expect(told).toBeLessThanOrEqual(1);
    if (seed === 0) expect(told).toBe(1);
    run.pass(1);
    expect(run.look().actions).toEqual([]);
  },
);

test("within the window the release before comes back, and nothing is activated", () => {
  const { world, run } = begin(0);
  world.edit(onto("2.0.0"));
  run.until("all run it", runs(world, "2.0.0"));
  run.pass(WINDOW / 2);
  world.edit(onto("1.0.0"));
  run.until("all are back", runs(world, "1.0.0"));
  run.pass(2 * WINDOW);
  expect(world.chain.stateVersion()).toBe(1);
});

test("a release that is rolled back never raised the rules", () => {
  const { world, run } = begin(0, {}, (version) => ({ latencySeconds: version.startsWith("2") ? 3 : 0.004 }));
  world.edit(onto("2.0.0"));
  run.until("it is rolled back", () => world.rollouts().at(-1)?.status.state === "RolledBack");
  run.pass(2 * WINDOW);
  expect(world.chain.stateVersion()).toBe(1);
});

test("manual: status names who has to act, and how; then it happens", () => {
  const { world, run } = begin(0, { protocolActivation: "Manual" });
  world.edit(onto("2.0.0"));
  run.until("all run it", runs(world, "2.0.0"));
  run.until("somebody is waited for", () => world.status().waitingFor?.reason === "ActivationDue", 2 * WINDOW);
  expect(world.status().waitingFor).toMatchObject({ who: "User" });
  expect(world.status().waitingFor?.command).toContain(`{"spec":{"protocolVersion":2}}`);
  run.pass(60);
  expect(world.chain.stateVersion()).toBe(1);
  world.edit((spec) => ({ ...spec, protocolVersion: 2 }));
  run.until("the rules are activated", () => world.status().protocol?.stateVersion === 2, 200);
});

test("nothing is activated while a node is away or the cluster is paused", () => {
  const { world, run } = begin(0);
  world.edit(onto("2.0.0"));
  run.until("all run it", runs(world, "2.0.0"));
  world.edit((spec) => ({ ...spec, paused: true }));
  run.pass(2 * WINDOW);
  expect(world.chain.stateVersion()).toBe(1);
  world.nodes.stalled.add(2);
  world.edit((spec) => ({ ...spec, paused: false }));
  run.pass(60);
  expect(world.chain.stateVersion()).toBe(1);
  world.nodes.stalled.delete(2);
  run.until("the rules are activated", () => world.chain.stateVersion() === 2, 200);
});
