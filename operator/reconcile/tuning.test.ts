import { describe, expect, test } from "vitest";
import { present } from "../../node/base/assert.ts";
import { seededRandom } from "../../node/base/random.ts";
import type { ClusterSpec, ClusterSpecInput } from "../api/cluster.ts";
import { createWorld, type World } from "./world.ts";
import type { Behaviour } from "./world-nodes.ts";
import { createRunner, type Runner } from "./world-run.ts";

function begin(
  seed: number,
  tuning: NonNullable<ClusterSpecInput["tuning"]>,
  usage: () => Behaviour["usage"] = () => undefined,
): { world: World; run: Runner } {
  const world = createWorld({
    spec: {
      version: "1.0.0",
      image: { reference: "hmn-node:1.0.0" },
      network: "payments",
      rollout: { phases: [{ percent: 100, soakSeconds: 8 }], settleSeconds: 2, intervalSeconds: 4, minimumSamples: 10 },
      tuning: { cooldownSeconds: 60, observationEpochs: 6, ...tuning },
    },
    behaviour: () => {
      const used = usage();
      return { latencySeconds: 0.004, pullable: true, ...(used === undefined ? {} : { usage: used }) };
    },
  });
  const random = seededRandom(BigInt(seed));
  world.chain.setHill((alpha) => 900_000 - Math.abs(alpha - 1_100_000) / 4 + random.below(2_000));
  const run = createRunner(world, { seed: BigInt(seed), faults: seed > 0 });
  run.until("the first deployment is ready", () => isReady(world));
  return { world, run };
}

const isReady = (world: World): boolean =>
  world.status().conditions?.find(({ type }) => type === "Ready")?.status === "True";
const mode = (to: ClusterSpec["tuning"]["mode"]) => (spec: ClusterSpec) => ({
  ...spec,
  tuning: { ...spec.tuning, mode: to },
});

describe.each([0, 1, 2])("seed %i", (seed) => {
  test("with crashes and old views alpha climbs, step by step; off costs nothing", () => {
    const { world, run } = begin(seed, { mode: "Auto" });
    run.until("two steps are kept", () => world.chain.attunement() === 1_040_000, 3_000);
    expect(world.status().tuning?.history).toContainEqual(
      expect.objectContaining({ outcome: "Kept", from: 1_000_000, to: 1_020_000 }),
    );
    expect(world.events.filter((text) => text.startsWith("TuningTrial: ")).length).toBeGreaterThan(0);
    world.edit(mode("Off"));
    run.until("nothing is under way", () => world.status().tuning === undefined, 300);
    run.pass(12);
    for (let look = 0; look < 5; look += 1) {
      run.pass(1);
      expect(run.look().actions).toEqual([]);
    }
  });
});

test("a rollout in a trial: the step goes back while the nodes move, and tuning goes on afterwards", () => {
  const { world, run } = begin(0, { mode: "Auto" });
  run.until("a step is watched", () => world.status().tuning?.trial?.step === "Observing", 600);
  world.edit((spec) => ({ ...spec, version: "1.1.0", image: { ...spec.image, reference: "hmn-node:1.1.0" } }));
  run.until("it is back", () => world.chain.attunement() === 1_000_000, 200);
  run.until("the upgrade is done", () => world.status().currentVersion === "1.1.0" && isReady(world));
  expect(world.status().tuning?.history).toMatchObject([{ outcome: "TakenBack" }]);
  run.until("a step is kept", () => world.chain.attunement() === 1_020_000, 1_500);
});

test("recommend: said in status and in one event, and never ordered", () => {
  const { world, run } = begin(0, { mode: "Recommend" });
  run.until("a step is recommended", () => world.status().tuning?.recommendation !== undefined, 600);
  run.pass(120);
  expect(world.chain.attunement()).toBe(1_000_000);
  expect(world.status().tuning?.recommendation).toMatchObject({ parameter: "attunementPpm", value: 1_020_000 });
  expect(world.events.filter((text) => text.startsWith("TuningRecommended: "))).toHaveLength(1);
  run.pass(1);
  expect(run.look().actions).toEqual([]);
});

test("resources are recommended, changed by nobody, and right once somebody has taken them", () => {
  let usage = { cpuPpm: 300_000, memoryPpm: 900_000 };
  const { world, run } = begin(0, { mode: "Recommend", cooldownSeconds: 300, resources: {} }, () => usage);
  const advice = () => world.status().tuning?.resources;
  run.until("recommended", () => advice() !== undefined, 1_500);
  expect(advice()).toMatchObject({ cpu: "380m", memory: "624Mi" });
  expect(world.events.filter((text) => text.includes("memory 512Mi -> 624Mi"))).toHaveLength(1);
  const before = world.objects("Pod").map(({ metadata }) => metadata.uid);
  run.pass(120);
  expect(world.objects("Pod").map(({ metadata }) => metadata.uid)).toEqual(before);
  usage = { cpuPpm: 600_000, memoryPpm: 750_000 };
  const { cpu, memory } = present(advice(), "it was just there");
  world.edit((spec) => ({ ...spec, resources: { cpu, memory } }));
  run.until("taken", () => advice() === undefined && isReady(world));
  run.pass(900);
  expect(advice()).toBeUndefined();
});

test("in an emergency nothing is tried, and what was tried goes back", () => {
  const { world, run } = begin(0, { mode: "Auto" });
  run.until("a step is watched", () => world.status().tuning?.trial?.step === "Observing", 600);
  const emergency = { measured: true, psiPpm: 500_000, lambdaPpm: 600_000, mode: "Emergency", band: "red" } as const;
  for (const id of [0, 1, 2, 3]) world.nodes.coherence.set(id, emergency);
  run.until(
    "it is back",
    () => world.chain.attunement() === 1_000_000 && world.status().tuning?.trial === undefined,
    200,
  );
  run.pass(300);
  expect(world.chain.attunement()).toBe(1_000_000);
  expect(world.status().tuning).toMatchObject({ state: "Resting", message: "the network is in an emergency" });
});
