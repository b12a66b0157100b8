import { describe, expect, test } from "vitest";
import { type ClusterSpec, type ClusterSpecInput, clusterSpecSchema } from "../api/cluster.ts";
import { LABELS } from "../api/group.ts";
import type { Fleet, Rival } from "../observe/snapshot.ts";
import { isActive } from "../rollout/history.ts";
import { turnOf } from "../rollout/hold.ts";
import { createWorld, type World } from "./world.ts";
import type { Behaviour } from "./world-nodes.ts";
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
const behaviour = (version: string): Behaviour => ({ latencySeconds: version === "2.0.0" ? 3 : 0.004, pullable: true });
const to = (version: string) => (before: ClusterSpec) => ({
  ...before,
  version,
  image: { ...before.image, reference: `hmn-node:${version}` },
});
const free: Fleet = { frozen: false, maxConcurrentRollouts: 0, rivals: () => [] };
const last = (world: World) => world.rollouts().at(-1);
const done = (world: World, version: string) =>
  world.status().currentVersion === version && last(world)?.status.state === "Succeeded";
const pods = (world: World) => world.objects("Pod").map(({ metadata }) => metadata.uid);

/** A cluster on 1.0.0, and the fleet's options that the test may change. */
function running(seed: number, options: Partial<Fleet> = {}) {
  const fleet = { ...free };
  const world = createWorld({ spec, behaviour, fleet: () => fleet });
  const run = createRunner(world, { seed: BigInt(seed), faults: seed > 0 });
  run.until("deployed", () => done(world, "1.0.0"));
  return { world, run, fleet: Object.assign(fleet, options) };
}

describe.each([0, 1])("frozen, seed %i", (seed) => {
  test("nothing begins, and what has begun goes on when the freeze is over", () => {
    const { world, run, fleet } = running(seed, { frozen: true });
    const before = pods(world);
    world.edit(to("1.1.0"));
    // A pod that another hand put on another revision is a repair, which waits as well.
    Object.assign(world.find("Pod", "payments-3-0-0")?.metadata.labels ?? {}, { [LABELS.revision]: "other" });
    run.pass(90);
    expect(pods(world)).toEqual(before);
    expect(world.rollouts()).toHaveLength(1);
    expect(world.status().waitingFor).toMatchObject({ reason: "Frozen", who: "Platform" });
    fleet.frozen = false;
    run.until("a node has moved", () => last(world)?.status.state === "Soaking");
    fleet.frozen = true;
    run.pass(120);
    expect(last(world)?.status).toMatchObject({ state: "Moving", phase: 2, moved: [0] });
    expect(world.status().waitingFor?.reason).toBe("Frozen");
    fleet.frozen = false;
    run.until("upgraded", () => done(world, "1.1.0"));
    expect(run.lostSeconds()).toBe(0);
  });

  test("a bad release still goes back", () => {
    const { world, run, fleet } = running(seed);
    world.edit(to("2.0.0"));
    run.until("a node has moved", () => last(world)?.status.state === "Soaking");
    fleet.frozen = true;
    run.until("rolled back", () => last(world)?.status.state === "RolledBack");
    expect(run.lostSeconds()).toBe(0);
  });
});

test("a first deployment that is frozen starts no further node, and fails no deadline", () => {
  const fleet = { ...free, frozen: true };
  const world = createWorld({ spec, behaviour, fleet: () => fleet });
  const run = createRunner(world, { seed: 1n, faults: true });
  run.pass(200);
  expect([world.rollouts(), pods(world)]).toEqual([[], []]);
  fleet.frozen = false;
  run.until("the first node", () => pods(world).length === 1);
  fleet.frozen = true;
  run.pass(200);
  expect(pods(world)).toHaveLength(1);
  expect(last(world)?.status.state).toBe("Moving");
  fleet.frozen = false;
  run.until("deployed", () => done(world, "1.0.0"));
});

describe("outside of the windows", () => {
  // The world's clock begins at midnight of 1 January 2026, a Thursday, UTC.
  const windows = (start: string) => [{ days: [], start, durationMinutes: 5, timeZone: "UTC" }];
  const within = (start: string) => (before: ClusterSpec) => ({
    ...before,
    rollout: { ...before.rollout, windows: windows(start) },
  });

  test("a first deployment does not wait, an upgrade does, and stops when the window closes", () => {
    const world = createWorld({
      spec: { ...spec, rollout: { ...spec.rollout, windows: windows("00:05") } },
      behaviour,
    });
    const run = createRunner(world, { seed: 2n, faults: true });
    run.until("deployed", () => done(world, "1.0.0"), 240);
    world.edit(to("1.1.0"));
    run.pass(3);
    expect(world.status().waitingFor).toMatchObject({ reason: "WindowClosed", who: "Operator" });
    expect(world.status().waitingFor?.message).toContain("2026-01-01T00:05:00.000Z");
    expect(world.rollouts()).toHaveLength(1);
    run.until("the window opens", () => world.rollouts().length === 2, 300);
    expect(world.now()).toBeGreaterThanOrEqual(Date.parse("2026-01-01T00:05:00Z"));
    run.until("a node has moved", () => last(world)?.status.state === "Soaking");
    world.edit(within("23:00"));
    run.pass(300);
    expect(last(world)?.status).toMatchObject({ state: "Moving", phase: 2, moved: [0] });
    expect(world.status().waitingFor?.message).toContain("2026-01-01T23:00:00.000Z");
    world.edit((before) => ({ ...before, rollout: { ...before.rollout, windows: [] } }));
    run.until("upgraded", () => done(world, "1.1.0"));
  });

  test("a bad release goes back all the same", () => {
    const { world, run } = running(1);
    world.edit(to("2.0.0"));
    run.until("a node has moved", () => last(world)?.status.state === "Soaking");
    world.edit(within("23:00"));
    run.until("rolled back", () => last(world)?.status.state === "RolledBack");
  });
});

describe("a limit over all clusters", () => {
  test("is kept by clusters that change almost at once, and all have their turn", () => {
    const LIMIT = 2;
    const worlds: World[] = [];
    const upgrading = (world: World) =>
      world.rollouts().some((one) => one.spec.kind === "Upgrade" && isActive(one.status));
    const fleetOf = (self: number): Fleet => ({
      ...free,
      maxConcurrentRollouts: LIMIT,
      rivals: () =>
        worlds.flatMap((world, index): readonly Rival[] => {
          if (index === self) return [];
          const { waitingFor } = world.status();
          const cluster = `hmn-test/${index}`;
          if (upgrading(world)) return [{ cluster, waitingSince: undefined }];
          return waitingFor?.reason === "FleetLimit" ? [{ cluster, waitingSince: waitingFor.since }] : [];
        }),
    });
    const runs = Array.from({ length: 4 }, (_, index) => {
      const world = createWorld({ spec, behaviour, fleet: () => fleetOf(index) });
      worlds.push(world);
      return createRunner(world, { seed: BigInt(index), faults: true });
    });
    let most = 0;
    const told = new Set<string>();
    const second = () => {
      for (const [index, run] of runs.entries()) {
        run.pass(1);
        most = Math.max(most, worlds.filter(upgrading).length);
        const waitingFor = worlds[index]?.status().waitingFor;
        if (waitingFor?.reason === "FleetLimit") told.add(waitingFor.message);
      }
    };
    const until = (version: string, limitSeconds: number) => {
      for (let passed = 0; passed < limitSeconds && !worlds.every((world) => done(world, version)); passed += 1)
        second();
      expect(worlds.map((world) => world.status().currentVersion)).toEqual(worlds.map(() => version));
    };
    until("1.0.0", 200);
    expect(most).toBe(0);
    for (const world of worlds) {
      world.edit(to("1.1.0"));
      second();
    }
    until("1.1.0", 600);
    expect(most).toBe(LIMIT);
    expect(
      [...told].some((message) => /ahead: hmn-test\/\d \(rolling out\), hmn-test\/\d \(rolling out\)/.test(message)),
    ).toBe(true);
  });

  const cluster = (since?: string) => {
    const snapshot = createWorld({ spec, behaviour }).snapshot();
    const waitingFor = { reason: "FleetLimit", message: "", since: since ?? "", who: "Operator", command: "" } as const;
    return {
      ...snapshot.cluster,
      spec: clusterSpecSchema.parse(spec),
      status: since === undefined ? {} : { waitingFor },
    };
  };
  const rivals = [
    { cluster: "b/older", waitingSince: "2026-01-01T00:00:01.000Z" },
    { cluster: "a/rolls", waitingSince: undefined },
    { cluster: "a/younger", waitingSince: "2026-01-01T00:00:03.000Z" },
  ];
  test.each([
    ["no limit", 0, undefined, undefined],
    ["the newcomer is behind everybody who waits", 3, undefined, "ahead: a/rolls (rolling out), b/older, a/younger"],
    [
      "who waits is behind those who waited longer",
      2,
      "2026-01-01T00:00:02.000Z",
      "ahead: a/rolls (rolling out), b/older",
    ],
    ["and ahead of the others", 3, "2026-01-01T00:00:02.000Z", undefined],
    [
      "of two that came at once the name decides",
      2,
      "2026-01-01T00:00:01.000Z",
      "ahead: a/rolls (rolling out), b/older",
    ],
  ])("%s", (_, maxConcurrentRollouts, since, told) => {
    const wait = turnOf(cluster(since), { ...free, maxConcurrentRollouts, rivals: () => rivals });
    if (told === undefined) expect(wait).toBeUndefined();
    else expect(wait?.message.endsWith(told), wait?.message).toBe(true);
  });
});
