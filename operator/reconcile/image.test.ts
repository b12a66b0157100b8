import { describe, expect, test } from "vitest";
import type { ClusterSpec, ClusterSpecInput } from "../api/cluster.ts";
import { isOtherImage } from "../rollout/image-pin.ts";
import { createWorld, type World } from "./world.ts";
import { createRunner } from "./world-run.ts";

const spec: ClusterSpecInput = {
  version: "1.0.0",
  image: { reference: "hmn-node:1.0.0" },
  network: "payments",
  rollout: {
    phases: [
      { percent: 20, soakSeconds: 8 },
      { percent: 100, soakSeconds: 8 },
    ],
    settleSeconds: 2,
    intervalSeconds: 4,
    progressDeadlineSeconds: 60,
    minimumSamples: 10,
  },
};
const upgrade = (before: ClusterSpec) => ({
  ...before,
  version: "1.1.0",
  image: { ...before.image, reference: "hmn-node:1.1.0" },
});
const OLD = "hmn-node@sha256:first-hmn-node:1.1.0";
const NEW = "mirror.example/hmn-node@sha256:second";
const last = (world: World) => world.rollouts().at(-1)?.status;
const condition = (world: World) => world.status().conditions?.find(({ type }) => type === "ImageUnchanged");

function running(seed: number) {
  const world = createWorld({ spec, behaviour: () => ({ latencySeconds: 0.004, pullable: true }) });
  const run = createRunner(world, { seed: BigInt(seed), faults: seed > 0 });
  run.until("deployed", () => last(world)?.state === "Succeeded");
  return { world, run };
}

/** An upgrade whose tag moved after its first node. */
function stopped(seed: number) {
  const { world, run } = running(seed);
  world.edit(upgrade);
  run.until("one node runs the release", () => last(world)?.state === "Soaking");
  expect(last(world)?.imageId).toBe(OLD);
  world.nodes.moved.set("hmn-node:1.1.0", NEW);
  run.until("the next one runs another image", () => last(world)?.pauseReason === "ImageMoved");
  run.pass(20);
  return { world, run };
}

describe.each([0, 1, 2])("a tag that moves in an upgrade, seed %i", (seed) => {
  test("stops it after one node of the other image, and it goes on when that is gone", () => {
    const { world, run } = stopped(seed);
    const images = world.objects("Pod").map((pod) => JSON.stringify(pod.status).includes("sha256:second"));
    expect(images.filter(Boolean)).toHaveLength(1);
    expect(world.status().waitingFor).toMatchObject({ reason: "ImageMoved", who: "User" });
    expect(world.status().waitingFor?.message).toContain(`runs the image ${NEW}, but the rollout began with ${OLD}`);
    expect(world.events.filter((text) => text.startsWith("ImageMoved"))).not.toEqual([]);
    world.nodes.moved.clear();
    world.remove("Pod", `payments-${last(world)?.moved?.at(-1)}-0-0`);
    run.until("upgraded", () => last(world)?.state === "Succeeded");
    expect(world.status().currentImage).toBe(OLD);
    expect(run.lostSeconds()).toBe(0);
  });

  test("takes it back at the deadline, without quarantine", () => {
    const { world, run } = stopped(seed);
    run.until("rolled back", () => last(world)?.state === "RolledBack", 200);
    expect(last(world)).toMatchObject({ rollbackCause: "Environment" });
    expect(world.status().quarantine).toEqual([]);
    expect(run.lostSeconds()).toBe(0);
  });
});

test("a first deployment is held, and goes on when all run one image", () => {
  const world = createWorld({ spec, behaviour: () => ({ latencySeconds: 0.004, pullable: true }) });
  const run = createRunner(world, { seed: 1n, faults: true });
  run.until("the first node", () => last(world)?.imageId !== undefined);
  world.nodes.moved.set("hmn-node:1.0.0", NEW);
  run.until("held", () => last(world)?.pauseReason === "FirstDeploymentFailed");
  run.pass(120);
  expect(world.status().waitingFor?.message).toContain("the reference has come to mean something else");
  world.nodes.moved.clear();
  for (const { metadata } of world.objects("Pod").slice(1)) world.remove("Pod", metadata.name);
  run.until("deployed", () => last(world)?.state === "Succeeded");
});

test("a node that restarts with another image afterwards is told of, once", () => {
  // Without faults: who dies between status and event says it in the status alone.
  const { world, run } = running(0);
  run.pass(3);
  expect(condition(world)).toMatchObject({ status: "True", reason: "OneImage" });
  world.nodes.moved.set("hmn-node:1.0.0", NEW);
  world.remove("Pod", "payments-2-0-0");
  run.until("it is back", () => condition(world)?.status === "False");
  run.pass(60);
  expect(condition(world)?.message).toContain(`Node 2 came back with another image (${NEW})`);
  expect(world.rollouts()).toHaveLength(1);
  const told = world.events.filter((text) => text.startsWith("ImageMoved"));
  expect(told).toHaveLength(1);
  world.nodes.moved.clear();
  world.remove("Pod", "payments-2-0-0");
  run.until("all is as it was", () => condition(world)?.status === "True");
});

test.each([
  ["the same", "a@sha256:1", "a@sha256:1", false],
  ["another digest", "a@sha256:1", "a@sha256:2", true],
  ["the same from a mirror", "a@sha256:1", "mirror/a@sha256:1", false],
  ["the same configuration", "sha256:1", "sha256:1", false],
  ["another configuration", "sha256:1", "sha256:2", true],
  ["what cannot be compared", "a@sha256:1", "sha256:2", false],
])("images of two hosts: %s", (_, a, b, other) => {
  expect(isOtherImage(a, b)).toBe(other);
});
