import { expect, test } from "vitest";
import { millis } from "../../node/base/units.ts";
import type { ClusterSpecInput } from "../api/cluster.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import { decide } from "./decide.ts";
import { createWorld } from "./world.ts";
import { createRunner } from "./world-run.ts";

const spec: ClusterSpecInput = {
  version: "1.0.0",
  image: { reference: "hmn-node:1.0.0" },
  network: "payments",
  rollout: {
    phases: [{ percent: 100, soakSeconds: 4 }],
    ...{ settleSeconds: 2, intervalSeconds: 4, progressDeadlineSeconds: 60, minimumSamples: 10 },
  },
};

/** As of a cluster at rest among thousands: read a minute ago, and not yet anew. */
const readLongAgo = (snapshot: Snapshot): Snapshot => ({
  ...snapshot,
  readings: new Map(
    [...snapshot.readings].map(([id, reading]) => [
      id,
      { ...reading, at: millis(reading.at - 60_000), standsFor: millis(110_000) },
    ]),
  ),
});

test("what was read long ago stands for a cluster at rest, and nothing begins on the strength of it", () => {
  let rests = false;
  const world = createWorld({ spec, behaviour: () => ({ latencySeconds: 0.004, pullable: true }) });
  const run = createRunner(world, {
    ...{ seed: 0n, faults: false },
    decide: (snapshot) => decide(rests ? readLongAgo(snapshot) : snapshot),
  });
  const isTrue = (type: string) => world.status().conditions?.find((one) => one.type === type)?.status === "True";
  const pods = () => world.objects("Pod").map(({ metadata }) => metadata.uid);
  run.until("deployed", () => isTrue("Ready"));

  rests = true;
  const before = pods();
  const { lastTransitionTime } = world.status().conditions?.find(({ type }) => type === "Available") ?? {};
  run.pass(60);
  expect([isTrue("Ready"), isTrue("Available"), isTrue("ServiceLevelsMet")]).toEqual([true, true, true]);
  world.edit((now) => ({ ...now, version: "1.1.0", image: { ...now.image, reference: "hmn-node:1.1.0" } }));
  run.pass(60);
  expect(world.rollouts()).toHaveLength(1);
  expect(pods()).toEqual(before);
  expect(world.status().conditions?.find(({ type }) => type === "Available")).toMatchObject({
    ...{ status: "True", lastTransitionTime },
  });

  rests = false;
  run.until("upgraded", () => isTrue("Ready") && world.status().currentVersion === "1.1.0");
  expect(run.lostSeconds()).toBe(0);
});
