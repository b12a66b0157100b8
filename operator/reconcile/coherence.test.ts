import { expect, test } from "vitest";
import { createWorld } from "./world.ts";
import { createRunner } from "./world-run.ts";

const spec = {
  version: "1.0.0",
  image: { reference: "hmn-node:1.0.0" },
  network: "payments",
  rollout: { phases: [{ percent: 100, soakSeconds: 4 }], settleSeconds: 1, intervalSeconds: 4, minimumSamples: 10 },
};
const told = (band: "green" | "red", mode: "Normal" | "Emergency", lambdaPpm: number) =>
  ({ measured: true, psiPpm: 900_000, lambdaPpm, band, mode }) as const;

test("band and mode stand in status as most nodes tell them, written when they change, and an emergency is told of", () => {
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
  expect(world.status().coherence).toEqual({ band: "Green", mode: "Normal" });
  // Numbers that move without the band cost no write, and neither does one that says something else.
  for (const id of [0, 1, 2]) coherence.set(id, told("green", "Normal", 800_000));
  coherence.set(3, told("red", "Emergency", 1));
  run.pass(4);
  expect(run.look().actions).toEqual([]);
  // As the new epoch comes to one after the other.
  coherence.set(2, told("red", "Emergency", 1));
  run.pass(4);
  expect(world.status().coherence).toEqual({ band: "Green", mode: "Normal" });
  expect(emergencies()).toEqual([]);
  coherence.set(1, told("red", "Emergency", 1));
  run.pass(4);
  expect(world.status().coherence).toEqual({ band: "Red", mode: "Emergency" });
  expect(emergencies()).toEqual(["EmergencyBegan"]);
  // Who cannot be asked changes nothing.
  for (const id of [0, 1, 2, 3]) world.nodes.stalled.add(id);
  run.pass(30);
  expect(world.status().coherence).toEqual({ band: "Red", mode: "Emergency" });
  world.nodes.stalled.clear();
  for (const id of [0, 1, 2, 3]) coherence.set(id, told("green", "Normal", 900_000));
  run.pass(10);
  expect(world.status().coherence).toEqual({ band: "Green", mode: "Normal" });
  expect(emergencies()).toEqual(["EmergencyBegan", "EmergencyEnded"]);
});
