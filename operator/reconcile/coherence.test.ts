import { expect, test } from "vitest";
import { createWorld } from "./world.ts";
import { createRunner } from "./world-run.ts";

const spec = {
  version: "1.0.0",
  image: { reference: "hmn-node:1.0.0" },
  network: "payments",
  rollout: { phases: [{ percent: 100, soakSeconds: 4 }], settleSeconds: 1, intervalSeconds: 4, minimumSamples: 10 },
};
const told = (band: "green" | "red", mode: "Normal" | "Emergency", lambdaPpm: number, epoch = 7) =>
  ({
    ...{ measured: true, psiPpm: 900_000, lambdaPpm, band, mode, epoch },
    ...{ coherencePpm: 984_321, meanPsiPpm: 951_000 },
  }) as const;
const stands = (band: "Green" | "Red", mode: "Normal" | "Emergency", lambdaPpm: number, epoch = 7) =>
  ({ band, mode, coherencePpm: 980_000, meanPsiPpm: 950_000, lambdaPpm, epoch }) as const;

test("coherence stands in status as most nodes tell it, written when it changes, and an emergency is told of", () => {
  const world = createWorld({ spec, behaviour: () => ({ latencySeconds: 0.004, pullable: true }) });
  const run = createRunner(world, { seed: 0n, faults: false });
  run.until("deployed", () => world.rollouts().at(-1)?.status.state === "Succeeded");
  run.pass(5);
  expect(world.status().coherence).toBeUndefined();
  const { coherence } = world.nodes;
  const emergencies = () =>
    world.events.filter((text) => text.startsWith("Emergency")).map((text) => text.split(":")[0]);

  for (const id of [0, 1, 2, 3]) coherence.set(id, told("green", "Normal", 900_000));
  run.pass(4);
  expect(world.status().coherence).toEqual(stands("Green", "Normal", 900_000));
  // Numbers that hardly move cost no write, nor does an epoch that brings the same, nor one that says something else.
  for (const id of [0, 1, 2]) coherence.set(id, told("green", "Normal", 912_000, 8));
  coherence.set(3, told("red", "Emergency", 1));
  run.pass(4);
  expect(run.look().actions).toEqual([]);
  for (const id of [0, 1, 2]) coherence.set(id, told("green", "Normal", 800_000, 9));
  run.pass(4);
  expect(world.status().coherence).toEqual(stands("Green", "Normal", 800_000, 9));
  expect(world.status().waitingFor).toBeUndefined();
  // As the new epoch comes to one after the other.
  coherence.set(2, told("red", "Emergency", 1));
  run.pass(4);
  expect(world.status().coherence).toEqual(stands("Green", "Normal", 800_000, 9));
  expect(emergencies()).toEqual([]);
  coherence.set(1, told("red", "Emergency", 1));
  run.pass(4);
  expect(world.status().coherence).toEqual(stands("Red", "Emergency", 0));
  expect(emergencies()).toEqual(["EmergencyBegan"]);
  expect(world.status().waitingFor).toMatchObject({ reason: "Emergency", who: "Operator" });
  // Who cannot be asked changes nothing.
  for (const id of [0, 1, 2, 3]) world.nodes.stalled.add(id);
  run.pass(30);
  expect(world.status().coherence).toEqual(stands("Red", "Emergency", 0));
  world.nodes.stalled.clear();
  for (const id of [0, 1, 2, 3]) coherence.set(id, told("green", "Normal", 900_000));
  run.pass(10);
  expect(world.status().coherence).toEqual(stands("Green", "Normal", 900_000));
  expect(world.status().waitingFor).toBeUndefined();
  expect(emergencies()).toEqual(["EmergencyBegan", "EmergencyEnded"]);
});
