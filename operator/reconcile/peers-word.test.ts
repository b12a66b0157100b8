import { expect, test } from "vitest";
import { createWorld } from "./world.ts";
import { createRunner } from "./world-run.ts";

test.each([0, 1, 2])(
  "a release whose votes come late by its peers' word goes back, although its own metrics look well: seed %i",
  (seed) => {
    const world = createWorld({
      spec: {
        version: "1.0.0",
        image: { reference: "hmn-node:1.0.0" },
        network: "payments",
        rollout: {
          phases: [
            { percent: 20, soakSeconds: 90 },
            { percent: 100, soakSeconds: 8 },
          ],
          ...{ settleSeconds: 2, intervalSeconds: 4, minimumSamples: 10 },
        },
      },
      behaviour: (version) => ({
        ...{ latencySeconds: 0.004, pullable: true },
        ...(version === "2.0.0" ? { voteDelayMs: 900 } : {}),
      }),
    });
    const run = createRunner(world, { seed: BigInt(seed), faults: seed > 0 });
    const upgrade = (version: string) =>
      world.edit((spec) => ({ ...spec, version, image: { ...spec.image, reference: `hmn-node:${version}` } }));
    run.until("deployed", () => world.status().currentVersion === "1.0.0");
    run.pass(60);
    upgrade("1.1.0");
    run.until("upgraded", () => world.status().currentVersion === "1.1.0");
    upgrade("2.0.0");
    run.until("rolled back", () => world.rollouts().at(-1)?.status.state === "RolledBack");
    const status = world.rollouts().at(-1)?.status;
    expect(status).toMatchObject({ phase: 1, moved: [0] });
    expect(status?.windows?.findLast(({ verdict }) => verdict === "Fail")).toMatchObject({
      ...{ metric: "voteDelay", newValue: "900 ms", oldValue: "30 ms" },
    });
    expect(run.lostSeconds()).toBe(0);
  },
);
