import { describe, expect, test } from "vitest";
import type { ClusterSpecInput } from "../api/cluster.ts";
import { createWorld, type World } from "./world.ts";
import { createRunner } from "./world-run.ts";

const spec: ClusterSpecInput = {
  version: "1.0.0",
  image: { reference: "hmn-node:1.0.0" },
  network: "payments",
  rollout: { phases: [{ percent: 100, soakSeconds: 4 }], settleSeconds: 1, intervalSeconds: 4, minimumSamples: 10 },
};
const OTHER = "argocd-controller";
const stalled = (world: World) => world.status().conditions?.find(({ type }) => type === "Stalled");
const clientType = (world: World) =>
  (world.find("Service", "payments-client")?.spec as { type?: string } | undefined)?.type;

function running(seed: number) {
  const world = createWorld({ spec, behaviour: () => ({ latencySeconds: 0.004, pullable: true }) });
  const run = createRunner(world, { seed: BigInt(seed), faults: seed > 0 });
  run.until("deployed", () => world.rollouts().at(-1)?.status.state === "Succeeded");
  run.pass(10);
  let changes = 0;
  /** Who is not content with ours changes it back at once. */
  const fight = (seconds: number) => {
    for (let second = 0; second < seconds; second += 1) {
      if (clientType(world) === "ClusterIP") {
        changes += 1;
        world.meddle("Service", "payments-client", OTHER, ({ spec: service }) =>
          Object.assign(service as object, { type: "NodePort" }),
        );
      }
      run.pass(1);
    }
  };
  return { world, run, fight, changes: () => changes };
}

describe.each([0, 1])("somebody who changes an object back each time, seed %i", (seed) => {
  test("is named after three repairs, and left alone until the first is ten minutes old", () => {
    const { world, run, fight, changes } = running(seed);
    const began = world.now();
    fight(60);
    expect(changes()).toBe(4);
    expect(clientType(world)).toBe("NodePort");
    expect(stalled(world)).toMatchObject({ reason: "Contested" });
    expect(world.status().waitingFor).toMatchObject({ reason: "Contested", who: "User" });
    expect(world.status().waitingFor?.message).toContain(
      `Service payments-client was put back 3 times in ten minutes, and ${OTHER}`,
    );
    // Everything else is still looked after.
    world.remove("Service", "payments-1");
    fight(5);
    expect(world.find("Service", "payments-1")).toBeDefined();
    // In ten minutes at most three writes against the other one.
    fight(500);
    expect(world.now() - began).toBeLessThan(600_000);
    expect(changes()).toBe(4);
    fight(100);
    expect(changes()).toBe(7);
    expect(world.status().repairs).toMatchObject([{ object: "Service/payments-client", manager: OTHER }]);
    // Once it has given up, ours stands again and nothing is told of any more.
    run.until("put back", () => clientType(world) === "ClusterIP" && stalled(world) === undefined, 700);
  });

  test("does not keep the user from changing the object", () => {
    const { world, run, fight } = running(seed);
    fight(30);
    world.edit((before) => ({
      ...before,
      services: { ...before.services, client: { ...before.services.client, type: "LoadBalancer" } },
    }));
    run.pass(3);
    expect(clientType(world)).toBe("LoadBalancer");
    expect(stalled(world)).toBeUndefined();
  });
});

test("a change now and then is put back each time, without a word of a fight", () => {
  const { world, run } = running(1);
  for (let round = 0; round < 4; round += 1) {
    world.meddle("StatefulSet", "payments-2-0", "kubectl-edit", ({ spec: set }) =>
      Object.assign(set as object, { replicas: 3 }),
    );
    run.pass(210);
    expect(world.find("StatefulSet", "payments-2-0")?.spec).toMatchObject({ replicas: 1 });
    expect(stalled(world)).toBeUndefined();
  }
  run.until("forgotten", () => world.status().repairs === undefined, 700);
  run.pass(5);
  expect(run.look().actions).toEqual([]);
});
