import { expect, test } from "vitest";
import type { ClusterSpecInput } from "../api/cluster.ts";
import { createWorld } from "./world.ts";
import { ABSENT_CLASS } from "./world-controllers.ts";
import { createRunner } from "./world-run.ts";

const spec: ClusterSpecInput = {
  version: "1.0.0",
  image: { reference: "hmn-node:1.0.0" },
  network: "payments",
  rollout: {
    phases: [{ percent: 100, soakSeconds: 4 }],
    ...{ observeSeconds: 0, settleSeconds: 2, intervalSeconds: 4, progressDeadlineSeconds: 60, minimumSamples: 10 },
  },
};

test("a release whose pods Kubernetes does not make goes back after the deadline, and says where to look", () => {
  const world = createWorld({ spec, behaviour: () => ({ latencySeconds: 0.004, pullable: true }) });
  const run = createRunner(world, { seed: 0n, faults: false });
  const isReady = () => world.status().conditions?.find(({ type }) => type === "Ready")?.status === "True";
  run.until("deployed", isReady);
  world.edit((before) => ({ ...before, pods: { ...before.pods, priorityClassName: ABSENT_CLASS } }));
  run.until("gone back", () => world.rollouts()[1]?.status.state === "RolledBack");
  const { incident, moved } = world.rollouts()[1]?.status ?? {};
  expect(incident).toMatchObject({ cause: "Environment" });
  expect(incident?.summary).toMatch(/node \d has no pod after 60 s.*StatefulSet's events/);
  expect(moved).toHaveLength(1);
  expect(world.objects("Pod")).toHaveLength(4);
  world.edit((before) => ({ ...before, pods: { ...before.pods, priorityClassName: undefined } }) as typeof before);
  run.until("as before", isReady);
  expect(run.lostSeconds()).toBe(0);
});
