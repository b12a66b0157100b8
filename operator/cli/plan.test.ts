import { expect, test } from "vitest";
import { type ClusterSpecInput, clusterSpecSchema } from "../api/cluster.ts";
import { createWorld, type World } from "../reconcile/world.ts";
import { createRunner, type Runner } from "../reconcile/world-run.ts";
import { changePlan } from "./change-plan.ts";
import { parsedCluster } from "./plan.ts";
import { planScreen } from "./plan-screen.ts";
import {
  atGate,
  before,
  clusterObject,
  firstDeployment,
  NOW,
  onVersion,
  PLAIN,
  quarantineOf,
  revisionFor,
  rolledBack,
  specInput,
  validator,
} from "./test-objects.ts";

const screenOf = (
  spec: ClusterSpecInput,
  ...live: [] | [ReturnType<typeof clusterObject>, ...ReturnType<typeof atGate>[]]
) => {
  const [cluster, ...rollouts] = live;
  return planScreen("hmn-demo/payments", changePlan(clusterSpecSchema.parse(spec), cluster, rollouts, NOW), PLAIN);
};

test("an upgrade: who moves, in which order, and what each step leaves of the quorum", () => {
  const heavy = clusterObject({
    validators: [validator(0, { weight: 90 }), validator(1), validator(2), validator(3, { voting: false })],
  });
  expect(screenOf(onVersion("1.1.0"), heavy, firstDeployment())).toMatchInlineSnapshot(`
    "PLAN for hmn-demo/payments  upgrade: version 1.0.0 -> 1.1.0, image registry.example/hmn-node:1.0.0 -> registry.example/hmn-node:1.1.0

    PHASES
      phase 0  no validator yet
        an observer on 1.1.0 follows the network for 30 s; other results, a crash or no start end it
        with no validator moved
      phase 1  20 %: 1 of 4 validators on 1.1.0
        move validator 3  takes no weight away: it does not vote now
        watched for 60 s under the service levels
        gate: waits, for as long as it takes, for kubectl hmn rollout promote
      phase 2  80 %: 3 of 4 validators on 1.1.0
        move validator 0  leaves weight 300 of 390, 261 is a quorum
        move validator 1  leaves weight 290 of 390, 261 is a quorum
        watched for 60 s under the service levels
      phase 3  100 %: 4 of 4 validators on 1.1.0
        move validator 2  leaves weight 290 of 390, 261 is a quorum
        watched for 120 s under the service levels

    Takes at least 5 min 10 s, and each validator's restart, and as long as the gate stays closed.
    Who votes and who is lightest is looked at again before each move: what changes until then changes
    the order.
    Going back: by itself when a level breaks, or by kubectl hmn rollout abort, until phase 3 has
    passed; afterwards by setting version and image back, which is an upgrade of its own.
    "
  `);
});

test("changes that move no pod", () => {
  const spec = specInput({ paused: true, serviceLevels: { latencyP95Millis: 100 } });
  expect(screenOf(spec, clusterObject(), firstDeployment())).toMatchInlineSnapshot(`
    "PLAN for hmn-demo/payments  no pod would change

    CHANGES THAT MOVE NO POD
      spec.serviceLevels.latencyP95Millis: 50 -> 100
      spec.paused: false -> true
    "
  `);
});

test("members join and leave outside of rollouts, one at a time", () => {
  const more = screenOf(specInput({ validators: { replicas: 6 } }), clusterObject(), firstDeployment());
  expect(more).toMatchInlineSnapshot(`
    "PLAN for hmn-demo/payments  no validator changes its release

    MEMBERS
      validators 4, 5 to join, one at a time, while all are healthy and no rollout is active
    "
  `);
  const five = clusterObject({ validators: [0, 1, 2, 3, 4].map((id) => validator(id)) });
  const fewer = screenOf(onVersion("1.1.0", { validators: { replicas: 4 } }), five, firstDeployment());
  expect(fewer).toContain("validator 4 to leave, one at a time");
  expect(fewer).toContain("5 of 5 validators on 1.1.0");
});

test("a first deployment", () => {
  expect(screenOf(onVersion("1.1.0"))).toMatchInlineSnapshot(`
    "PLAN for hmn-demo/payments  first deployment: version 1.1.0, image registry.example/hmn-node:1.1.0

    PHASES
      phase 1  20 %: 1 of 4 validators on 1.1.0
        start validator 0
      phase 2  80 %: 3 of 4 validators on 1.1.0
        start validator 1, 2
      phase 3  100 %: 4 of 4 validators on 1.1.0
        start validator 3
        watched for 120 s under the service levels

    Takes at least 2 min, and each validator's restart.
    There is nothing to go back to: if it fails it is held, with its volumes, until the cause is mended
    or the spec changes.
    "
  `);
});

test("what the active rollout brings already, or takes back first; what is quarantined", () => {
  const gated = clusterObject({ phase: "RollingOut", targetRevision: revisionFor("1.1.0") }, onVersion("1.1.0"));
  expect(screenOf(onVersion("1.1.0"), gated, firstDeployment(), atGate())).toMatchInlineSnapshot(`
    "PLAN for hmn-demo/payments  nothing new: 1.1.0 is the active rollout's

    FIRST
      payments-2 brings this already: 1 of 4 validators have moved

    PHASES
      phase 1  20 %: 1 of 4 validators on 1.1.0
        gate: waits, for as long as it takes, for kubectl hmn rollout promote
      phase 2  80 %: 3 of 4 validators on 1.1.0
        move validator 1  leaves weight 300 of 400, 267 is a quorum
        move validator 2  leaves weight 300 of 400, 267 is a quorum
        watched for 60 s under the service levels
      phase 3  100 %: 4 of 4 validators on 1.1.0
        move validator 3  leaves weight 300 of 400, 267 is a quorum
        watched for 120 s under the service levels

    Takes at least 3 min 30 s, and each validator's restart, and as long as the gate stays closed.
    Who votes and who is lightest is looked at again before each move: what changes until then changes
    the order.
    Going back: by itself when a level breaks, or by kubectl hmn rollout abort, until phase 3 has
    passed; afterwards by setting version and image back, which is an upgrade of its own.
    "
  `);
  expect(screenOf(onVersion("1.0.0"), gated, firstDeployment(), atGate())).toMatchInlineSnapshot(`
    "PLAN for hmn-demo/payments  back to what ran before; no rollout of its own

    FIRST
      payments-2 (1.1.0) ends as Superseded: validator 0 goes back to 1.0.0 first, one at a time
    "
  `);
  const back = rolledBack();
  const stalled = clusterObject({ quarantine: [quarantineOf(back)] }, onVersion("1.2.0"));
  expect(screenOf(onVersion("1.2.0"), stalled, firstDeployment(), back)).toContain(
    "these inputs are quarantined: 2 failed",
  );
  expect(screenOf(onVersion("1.2.0", { retry: "again" }), stalled, firstDeployment(), back)).not.toContain(
    "quarantined",
  );
});

test("phase 0: an observer first, unless it is over, left out, or there is nothing to follow", () => {
  const live = clusterObject({ phase: "RollingOut", targetRevision: revisionFor("1.1.0") }, onVersion("1.1.0"));
  const observing = { ...atGate(), status: { ...atGate().status, state: "Observing" as const, phase: 0, moved: [] } };
  const planOf = (
    spec: ClusterSpecInput,
    ...given: Parameters<typeof changePlan> extends [unknown, ...infer Rest] ? Rest : never
  ) => changePlan(clusterSpecSchema.parse(spec), ...given);
  const rollout = specInput().rollout;
  expect(planOf(onVersion("1.1.0"), live, [firstDeployment(), observing], NOW).observeSeconds).toBe(30);
  expect(planOf(onVersion("1.1.0"), live, [firstDeployment(), atGate()], NOW).observeSeconds).toBe(0);
  expect(planOf(onVersion("1.1.0"), undefined, [], NOW).observeSeconds).toBe(0);
  const without = onVersion("1.1.0", { rollout: { ...rollout, observeSeconds: 0 } });
  expect(planOf(without, clusterObject(), [firstDeployment()], NOW).observeSeconds).toBe(0);
  const longer = onVersion("1.1.0", { rollout: { ...rollout, observeSeconds: 100 } });
  const least = (spec: ClusterSpecInput) => planOf(spec, clusterObject(), [firstDeployment()], NOW).atLeast;
  expect(least(longer) - least(without)).toBe(100_000);
});

test("a window that is not open, and an operator that is frozen", () => {
  // It is a Thursday, 14:30 UTC.
  const windows = [{ days: ["Friday" as const], start: "02:00", durationMinutes: 60, timeZone: "UTC" }];
  const spec = onVersion("1.1.0", { rollout: { ...specInput().rollout, windows } });
  expect(screenOf(spec, clusterObject(), firstDeployment())).toContain(
    "the next one opens at 2026-01-16T02:00:00.000Z",
  );
  const waitingFor = {
    reason: "Frozen",
    message: "The operator is frozen",
    since: before(60),
    who: "Platform" as const,
    command: "x",
  };
  expect(screenOf(onVersion("1.1.0"), clusterObject({ waitingFor }), firstDeployment())).toContain(
    "The operator is frozen",
  );
  expect(screenOf(spec)).not.toContain("windows");
});

const file = (spec: unknown, more = "") =>
  `${more}---\n${JSON.stringify({ apiVersion: "hmn.dev/v1alpha1", kind: "HmnCluster", metadata: { name: "payments" }, spec })}`;

test("a file: other objects are passed over, and what does not fit is told by its path", () => {
  expect(parsedCluster(file(specInput(), "kind: Namespace\n"))).toMatchObject({
    ok: true,
    value: { metadata: { name: "payments" } },
  });
  const wrong = { ...specInput(), validators: { replicas: 3 }, rollout: { phases: [{ percent: 120 }] } };
  expect(parsedCluster(file(wrong))).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/spec\.validators\.replicas: .*4\n.*spec\.rollout\.phases\[0\]\.percent: .*100/),
  });
  expect(parsedCluster(file(specInput(), `${file(specInput())}\n`))).toMatchObject({
    detail: expect.stringContaining("2 HmnClusters"),
  });
  expect(parsedCluster("a: [")).toMatchObject({ detail: expect.stringContaining("not YAML") });
  expect(parsedCluster(file(specInput({ placement: { nodeSelector: { "a b": "c" } } })))).toMatchObject({
    detail: expect.stringContaining("spec.placement.nodeSelector"),
  });
});

/** A ready network on 1.0.0 under the operator's own decisions. */
function begun(weights: readonly number[]): { world: World; run: Runner } {
  const rollout = {
    phases: [20, 50, 55, 80, 100].map((percent) => ({ percent, soakSeconds: 8 })),
    observeSeconds: 6,
    settleSeconds: 1,
    intervalSeconds: 4,
    minimumSamples: 10,
  };
  const spec = onVersion("1.0.0", { validators: { replicas: weights.length }, rollout });
  const world = createWorld({ spec, weights, behaviour: () => ({ latencySeconds: 0.004, pullable: true }) });
  const run = createRunner(world, { seed: 0n, faults: false });
  run.until(
    "the first deployment is ready",
    () => world.status().phase === "Running" && world.status().waitingFor === undefined,
  );
  run.pass(5);
  return { world, run };
}

const upgraded = (world: World) => {
  const { cluster, rollouts, now } = world.snapshot();
  const spec = { ...cluster.spec, version: "1.1.0" };
  return { spec, plan: changePlan(spec, cluster, rollouts, now) };
};

/** Who was moved in which phase, as a timeline tells it. */
function movedByPhase(timeline: readonly { readonly event: string; readonly message: string }[]) {
  const phases: [number: number, moved: number[]][] = [];
  for (const { event, message } of timeline) {
    const number = Number(/\d+/.exec(message)?.[0]);
    if (event === "PhaseStarted") phases.push([number, []]);
    if (event === "NodeMoving") phases.at(-1)?.[1].push(number);
  }
  return phases;
}

test.each([[[100, 100, 100, 100]], [[120, 100, 90, 100, 100, 80, 100]]])(
  "the operator does what the plan says, for weights %j",
  (weights) => {
    const { world, run } = begun(weights);
    const { spec, plan } = upgraded(world);
    world.edit(() => spec);
    run.until(
      "upgraded",
      () => world.rollouts().at(-1)?.status.state === "Succeeded" && world.status().currentVersion === "1.1.0",
    );
    const { status } = world.rollouts().at(-1) ?? {};
    expect(plan.observeSeconds).toBe(6);
    expect(status?.timeline?.[0]?.message).toContain("an observer, then");
    expect(movedByPhase(status?.timeline ?? [])).toEqual(
      plan.phases
        .filter(({ skipped }) => !skipped)
        .map(({ number, steps }) => [number, steps.map(({ validator }) => validator)]),
    );
    const skipped = (status?.timeline ?? [])
      .filter(({ event }) => event === "PhaseSkipped")
      .map(({ message }) => message);
    expect(skipped).toEqual(
      plan.phases.filter((phase) => phase.skipped).map(({ number }) => `phase ${number} adds no node`),
    );
    expect(skipped).not.toEqual([]);
    const { snapshot } = { snapshot: world.snapshot() };
    expect(changePlan(snapshot.cluster.spec, snapshot.cluster, snapshot.rollouts, snapshot.now).kind).toBe("Nothing");
  },
);

test("a validator without which there is no quorum: the disruption budget lets none go, and the plan says so", () => {
  const { world, run } = begun([100, 100, 100, 160]);
  const { spec, plan } = upgraded(world);
  expect(plan.first).toEqual([expect.stringContaining("the disruption budget lets no validator go")]);
  expect(plan.phases.flatMap(({ steps }) => steps.filter(({ closed }) => closed !== undefined))).toMatchObject([
    { validator: 3, leaves: 300, closed: expect.stringContaining("without node 3 there would be no quorum") },
  ]);
  world.edit(() => spec);
  run.pass(60);
  expect(world.status().validators?.map(({ version, voting }) => [version, voting])).toEqual(
    Array.from({ length: 4 }, () => ["1.0.0", true]),
  );
});
