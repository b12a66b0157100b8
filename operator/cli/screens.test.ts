import { expect, test } from "vitest";
import type { CoherenceStatus } from "../api/coherence.ts";
import type { RolloutObject } from "../observe/snapshot.ts";
import { incidentScreen } from "./incident-screen.ts";
import { rolloutList, rolloutScreen } from "./rollout-screen.ts";
import { clusterList, statusScreen } from "./status-screen.ts";
import {
  atGate,
  before,
  clusterObject,
  condition,
  conditionsWith,
  firstDeployment,
  onVersion,
  PLAIN,
  quarantineOf,
  revisionFor,
  rolledBack,
  rolloutObject,
  validator,
} from "./test-objects.ts";

const gate = {
  reason: "GateClosed",
  message: "Phase 1 of 1.1.0 passed; the next one waits for an HmnApproval with the action Promote",
  since: before(312),
  who: "User" as const,
  command: `echo "{kind: HmnApproval, a line that is longer than the terminal is wide, and is not broken all the same}" | kubectl create -f -`,
};
const gated = clusterObject(
  {
    phase: "RollingOut",
    waitingFor: gate,
    targetRevision: revisionFor("1.1.0"),
    validators: [validator(0, { version: "1.1.0" }), validator(1), validator(2), validator(3)],
    conditions: conditionsWith(
      condition("Ready", "False", "GateClosed", gate.message),
      condition("Reconciling", "True", "RollingOut", gate.message),
    ),
  },
  onVersion("1.1.0"),
);

const back = rolledBack();
const broken = clusterObject(
  {
    phase: "Stalled",
    quarantine: [quarantineOf(back)],
    targetRevision: revisionFor("1.2.0"),
    observedGeneration: 2,
    waitingFor: {
      reason: "Quarantined",
      message: `These inputs were rolled back and are not tried again: ${back.status.rollbackReason}`,
      since: before(7200),
      who: "User",
      command: "kubectl edit hmncluster payments -n hmn-demo",
    },
    validators: [
      validator(0),
      validator(1, {
        state: "Unreachable",
        ready: false,
        voting: false,
        problem: "the operator cannot read it: connect ECONNREFUSED 10.0.0.7:8000",
      }),
      validator(2, {
        state: "Pending",
        host: "",
        zone: "",
        version: "",
        ready: false,
        voting: false,
        problem: "no host takes it: 0/4 nodes are available: 3 node(s) had no room. Add hosts or free room on them",
      }),
      validator(3, { voting: false }),
    ],
    conditions: conditionsWith(
      condition("Available", "False", "NoQuorum", "Less than a quorum is ready and votes: bring node 1, 2 back"),
      condition("RolledBack", "True", "Release", "1.2.0 was rolled back (payments-3)"),
      condition("Stalled", "True", "Quarantined", "see above"),
    ),
  },
  onVersion("1.2.0"),
);

test("a healthy cluster", () => {
  expect(statusScreen({ cluster: clusterObject(), rollouts: [firstDeployment()] }, PLAIN)).toMatchInlineSnapshot(`
    "hmn-demo/payments  1.0.0  Running
      quorum  a quorum serves: weight 400 of 400 votes, 267 is needed; 1 more validator may fail
      slot    free: no validator is being moved

    Nothing is waited for.

    VALIDATORS
      ID  HOST      ZONE    VERSION  STATE   WEIGHT  PROBLEM
      0   worker-1  zone-a  1.0.0    Voting  100
      1   worker-2  zone-b  1.0.0    Voting  100
      2   worker-3  zone-c  1.0.0    Voting  100
      3   worker-4  zone-d  1.0.0    Voting  100

    CONDITIONS
      as they should be: Ready, Available, ServiceLevelsMet, FaultDomainsSafe, RolledBack
    "
  `);
});

test("an upgrade at its gate: what to do stands before everything else", () => {
  expect(statusScreen({ cluster: gated, rollouts: [firstDeployment(), atGate()] }, PLAIN)).toMatchInlineSnapshot(`
    "hmn-demo/payments  1.0.0 (wanted: 1.1.0)  RollingOut
      quorum  a quorum serves: weight 400 of 400 votes, 267 is needed; 1 more validator may fail
      slot    free: no validator is being moved

    WAITING FOR  GateClosed  since 14:24:48 UTC (5 min 12 s)  who can change it: User
      Phase 1 of 1.1.0 passed; the next one waits for an HmnApproval with the action Promote
      $ kubectl hmn rollout promote payments-2 -n hmn-demo
      or, without this plugin:
      $ echo "{kind: HmnApproval, a line that is longer than the terminal is wide, and is not broken all the same}" | kubectl create -f -

    ROLLOUT payments-2  1.0.0 -> 1.1.0  AtGate for 5 min 12 s
      [#|..|.] 1 of 4 validators moved to 1.1.0
      phase 1  20 %   +1  passed; its gate is closed: kubectl hmn rollout promote opens it
      phase 2  80 %   +2  to come, soak 60 s
      phase 3  100 %  +1  to come, soak 120 s

    WINDOWS
      14:24:30 UTC  phase 1  NoData  too few batches to judge latency: 3 of 20
      14:24:40 UTC  phase 1  Pass    latencyP95 12 ms at node 0, 11 ms at the old ones, level 50 ms

    VALIDATORS
      ID  HOST      ZONE    VERSION  STATE   WEIGHT  PROBLEM
      0   worker-1  zone-a  1.1.0    Voting  100
      1   worker-2  zone-b  1.0.0    Voting  100
      2   worker-3  zone-c  1.0.0    Voting  100
      3   worker-4  zone-d  1.0.0    Voting  100

    CONDITIONS
      Ready=False       15 min  GateClosed (see above)
      Reconciling=True  15 min  RollingOut (see above)
      as they should be: Available, ServiceLevelsMet, FaultDomainsSafe, RolledBack
    "
  `);
});

test("a broken cluster: no quorum, problems, a quarantine, and the rollback behind it", () => {
  expect(statusScreen({ cluster: broken, rollouts: [firstDeployment(), back] }, PLAIN)).toMatchInlineSnapshot(`
    "hmn-demo/payments  1.0.0 (wanted: 1.2.0)  Stalled
      quorum  NO QUORUM: weight 100 of 400 votes, 267 is needed; clients wait, nothing confirmed is lost
      slot    free: no validator is being moved
      spec    generation 3 is not seen yet: this speaks of 2

    WAITING FOR  Quarantined  since 12:30:00 UTC (2 h)  who can change it: User
      These inputs were rolled back and are not tried again: 2 failed windows in a row: latencyP95 3000
      ms at node 0, 11 ms at the old ones, level 50 ms
      $ kubectl hmn rollout retry payments-3 -n hmn-demo
      or, without this plugin:
      $ kubectl edit hmncluster payments -n hmn-demo

    VALIDATORS
      ID  HOST      ZONE    VERSION  STATE                  WEIGHT  PROBLEM
      0   worker-1  zone-a  1.0.0    Voting                 100
      1   worker-2  zone-b  1.0.0    Unreachable            100     the operator cannot read it: connect
                                                                    ECONNREFUSED 10.0.0.7:8000
      2   -         -       -        Pending                100     no host takes it: 0/4 nodes are
                                                                    available: 3 node(s) had no room.
                                                                    Add hosts or free room on them
      3   worker-4  zone-d  1.0.0    Voting, not caught up  100

    CONDITIONS
      Available=False  15 min  NoQuorum: Less than a quorum is ready and votes: bring node 1, 2 back
      RolledBack=True  15 min  Release: 1.2.0 was rolled back (payments-3)
      Stalled=True     15 min  Quarantined: see above
      as they should be: Ready, ServiceLevelsMet, FaultDomainsSafe

    LAST ROLLBACK  payments-3  1.0.0 -> 1.2.0  2 h ago, its inputs are quarantined
      Release: 2 failed windows in a row: latencyP95 3000 ms at node 0, 11 ms at the old ones, level 50
      ms
      $ kubectl hmn incident payments-3 -n hmn-demo
    "
  `);
});

test("of a hundred validators only those have a line that are not like the others", () => {
  const validators = Array.from({ length: 100 }, (_, id) =>
    validator(id, id === 42 ? { state: "CatchingUp", voting: false, problem: "17 blocks behind" } : {}),
  );
  const cluster = clusterObject(
    { phase: "RollingOut", validators, disruption: { kind: "Rollout", validator: 7, since: before(12) } },
    onVersion("1.1.0", { validators: { replicas: 100 } }),
  );
  const moved = Array.from({ length: 43 }, (_, id) => id);
  const rollout = rolloutObject(2, {}, { state: "Moving", phase: 2, since: before(12), startTime: before(900), moved });
  expect(statusScreen({ cluster, rollouts: [firstDeployment(), rollout] }, PLAIN)).toMatchInlineSnapshot(`
    "hmn-demo/payments  1.0.0 (wanted: 1.1.0)  RollingOut
      quorum  a quorum serves: weight 9900 of 10000 votes, 6667 is needed; 32 more validators may fail
      slot    taken: Rollout of validator 7, for 12 s

    Nothing is waited for.

    ROLLOUT payments-2  1.0.0 -> 1.1.0  Moving for 12 s
      [########|#########...............|........] 43 of 100 validators moved to 1.1.0
      phase 1  20 %   +20  passed
      phase 2  80 %   +60  Moving for 12 s
      phase 3  100 %  +20  to come, soak 120 s

    VALIDATORS
      ID  HOST       ZONE    VERSION  STATE       WEIGHT  PROBLEM
      7   worker-8   zone-d  1.0.0    Voting      100     being moved (Rollout)
      42  worker-43  zone-c  1.0.0    CatchingUp  100     17 blocks behind
      98 of 100 without a line: 98 vote on 1.0.0 (--all)

    CONDITIONS
      as they should be: Ready, Available, ServiceLevelsMet, FaultDomainsSafe, RolledBack
    "
  `);
  expect(statusScreen({ cluster, rollouts: [] }, PLAIN, true).split("\n").length).toBeGreaterThan(100);
});

test("coherence has a line once it is measured", () => {
  const line = (fields: Partial<CoherenceStatus>): string | undefined => {
    const coherence = { band: "Green", mode: "Normal", ...fields } as const;
    const cluster = { ...clusterObject(), status: { ...clusterObject().status, coherence } };
    return statusScreen({ cluster, rollouts: [] }, PLAIN)
      .split("\n")
      .find((each) => each.startsWith("COHERENCE"));
  };
  const numbers = { coherencePpm: 980_000, meanPsiPpm: 950_000, lambdaPpm: 810_000, epoch: 12 };
  expect(line(numbers)).toBe("COHERENCE  Green, Normal  Ĉ 0.98, Ψ̄ 0.95, λ 0.81 since epoch 12");
  // A release that told no numbers.
  expect(line({ band: "Red", mode: "Emergency" })).toBe("COHERENCE  Red, Emergency");
});

test("a cluster that no operator has seen", () => {
  const { phase: _, ...status } = clusterObject().status;
  const cluster = { ...clusterObject(), status: { ...status, conditions: [] } };
  expect(statusScreen({ cluster, rollouts: [] }, PLAIN)).toMatchInlineSnapshot(`
    "hmn-demo/payments  1.0.0

      The operator has not looked at this cluster yet. Is it running, and does it watch this namespace?
      $ kubectl get pods -A -l app.kubernetes.io/name=hmn-operator
    "
  `);
});

test("several clusters, a line each", () => {
  expect(clusterList([clusterObject(), broken], PLAIN)).toMatchInlineSnapshot(`
    "NAMESPACE  NAME      VERSION  WANTED  PHASE    QUORUM  READY  WAITING FOR
    hmn-demo   payments  1.0.0    1.0.0   Running  +1      4/4
    hmn-demo   payments  1.0.0    1.2.0   Stalled  NONE    4/4    Quarantined
    "
  `);
});

test("phase 0 has a row of its own, while it runs and afterwards", () => {
  const rowOf = (status: Partial<RolloutObject["status"]>) => {
    const rollout = { ...atGate(), status: { ...atGate().status, ...status } };
    return rolloutScreen(rollout, clusterObject(), PLAIN)
      .split("\n")
      .find((line) => line.startsWith("  phase 0"));
  };
  expect(rowOf({ state: "Observing", phase: 0, moved: [], since: before(20) })).toMatch(/observer +Observing$/);
  expect(rowOf({ state: "Observing", phase: 0, moved: [], followsSince: before(12) })).toContain("follows for 12 s");
  const timeline = [
    { time: before(400), event: "Started", message: "1.0.0 to 1.1.0, an observer, then 1, then 4 of 4 nodes" },
  ];
  expect(rowOf({ timeline })).toMatch(/observer +passed$/);
  expect(rowOf({})).toBeUndefined();
});

test("rollouts: all, and one in full", () => {
  expect(rolloutList([firstDeployment(), atGate(), back], PLAIN)).toMatchInlineSnapshot(`
    "NAME        FROM   TO     STATE       PHASE  MOVED  STARTED                  TOOK        WHY BACK
    payments-1  -      1.0.0  Succeeded   3/3    4      2026-01-14 13:46:40 UTC  5 min
    payments-2  1.0.0  1.1.0  AtGate      1/3    1      14:23:20 UTC
    payments-3  1.0.0  1.2.0  RolledBack  1/3    1      12:28:20 UTC             1 min 40 s  Release
    "
  `);
  const { status, ...rest } = atGate();
  const promoted = {
    ...rest,
    status: {
      ...status,
      state: "Soaking" as const,
      phase: 2,
      since: before(20),
      moved: [0, 1, 2],
      timeline: [
        ...(status.timeline ?? []),
        { time: before(60), event: "Promoted", message: "phase 1, by ada: looks good" },
        { time: before(20), event: "Soaking", message: "phase 2: 3 of 4 nodes run 1.1.0, watched for 60 s" },
      ],
      approvals: [
        { uid: "u", name: "payments-2-promote-1", action: "Promote" as const, username: "ada", time: before(60) },
      ],
    },
  };
  expect(rolloutScreen(promoted, gated, PLAIN)).toMatchInlineSnapshot(`
    "ROLLOUT payments-2  1.0.0 -> 1.1.0  Soaking for 20 s
      [#|##|.] 3 of 4 validators moved to 1.1.0
      phase 1  20 %   +1  passed, opened by ada: looks good
      phase 2  80 %   +2  Soaking: 20 s of 60 s
      phase 3  100 %  +1  to come, soak 120 s

    WINDOWS
      14:24:30 UTC  phase 1  NoData  too few batches to judge latency: 3 of 20
      14:24:40 UTC  phase 1  Pass    latencyP95 12 ms at node 0, 11 ms at the old ones, level 50 ms

    TIMELINE
      14:23:20 UTC  Started      1.0.0 to 1.1.0, 1, then 3, then 4 of 4 nodes
      14:23:22 UTC  NodeMoving   node 0 goes to 1.1.0
      14:23:40 UTC  NodeReady    node 0 runs 1.1.0, ready and caught up
      14:23:48 UTC  Soaking      phase 1: 1 of 4 nodes run 1.1.0, watched for 60 s
      14:24:48 UTC  PhasePassed  phase 1: every level was met
      14:24:48 UTC  AtGate       phase 1: the next one waits for an HmnApproval
      14:29:00 UTC  Promoted     phase 1, by ada: looks good
      14:29:40 UTC  Soaking      phase 2: 3 of 4 nodes run 1.1.0, watched for 60 s

    APPROVALS
      14:29:00 UTC  Promote  by ada (payments-2-promote-1)
    "
  `);
});

test("an incident, as it is passed on", () => {
  const { incident } = back.status;
  if (incident === undefined) throw new Error("the rollback has an incident");
  expect(
    incidentScreen({ rollout: back, incident: { ...incident, logs: "one\ntwo\n" }, cluster: broken }, PLAIN),
  ).toMatchInlineSnapshot(`
    "INCIDENT of hmn-demo/payments-3  1.0.0 -> 1.2.0  Release
      1.2.0 was rolled back to 1.0.0 in phase 1: 2 failed windows in a row: latencyP95 3000 ms at node
      0, 11 ms at the old ones, level 50 ms
      found   12:29:05 UTC
      over    12:30:00 UTC, 55 s after the breach was found
      ran it  validator 0
      image   registry.example/hmn-node:1.2.0

    SUSPECTED
      version 1.0.0 -> 1.2.0, image registry.example/hmn-node:1.0.0 -> registry.example/hmn-node:1.2.0;
      first sign: latencyP95

    WINDOWS
      12:29:00 UTC  phase 1  Fail  latencyP95 3000 ms at node 0, 11 ms at the old ones, level 50 ms
      12:29:05 UTC  phase 1  Fail  latencyP95 3000 ms at node 0, 11 ms at the old ones, level 50 ms

    TIMELINE
      12:28:20 UTC  +0 s         Started      1.0.0 to 1.2.0, 1, then 3, then 4 of 4 nodes
      12:28:22 UTC  +2 s         NodeMoving   node 0 goes to 1.2.0
      12:29:05 UTC  +45 s        RollingBack  2 failed windows in a row: latencyP95 3000 ms at node 0,
                                              11 ms at the old ones, level 50 ms
      12:30:00 UTC  +1 min 40 s  RolledBack   all nodes run 1.0.0

    LAST LINES OF A CONTAINER THAT CRASHED
      | one
      | two

    WHAT TO DO
      The release itself failed. Mend it and give it a new version or image; if it was not to blame,
      lift the quarantine.
      Quarantined: version 1.2.0, image registry.example/hmn-node:1.2.0 (revision 13515caf63). These
      inputs are not tried again until they change or somebody lifts that:
      $ kubectl hmn rollout retry payments-3 -n hmn-demo --reason TEXT
    "
  `);
});

test("the screen shows what the tuner tries, and how its last steps ended", () => {
  const cluster = clusterObject({
    tuning: {
      ...{ state: "Trying", message: "a step of attunementPpm", since: before(90), fromEpoch: 40, subject: "r 4" },
      steps: [{ parameter: "attunementPpm", stepPpm: 18_000, direction: "Down" }],
      trial: {
        ...{
          parameter: "attunementPpm",
          from: 1_020_000,
          to: 1_002_000,
          step: "Observing",
          since: before(60),
          epoch: 48,
        },
        ...{ coherencePpm: [], levels: { errorsPpm: 0, availabilityPpm: 1_000_000 }, reason: "", blamed: false },
      },
      resources: {
        ...{ cpu: "380m", memory: "624Mi", since: before(90) },
        message: "spec.resources cpu 500m -> 380m, memory 512Mi -> 624Mi: as used",
      },
      history: [
        {
          ...{ time: before(4_000), parameter: "attunementPpm", from: 1_000_000, to: 1_020_000, outcome: "Kept" },
          message: "coherence went from 930000 to 945000 ppm in 8 epochs",
        },
        {
          ...{ time: before(900), parameter: "attunementPpm", from: 1_020_000, to: 1_040_000, outcome: "TakenBack" },
          message: "latency p95 went from 5 to 9 ms",
        },
      ],
    },
  });
  const text = statusScreen({ cluster, rollouts: [firstDeployment()] }, PLAIN);
  expect(text.slice(text.indexOf("TUNING"), text.indexOf("CONDITIONS"))).toMatchInlineSnapshot(`
    "TUNING  Trying for 1 min 30 s
      attunementPpm 1020000 -> 1002000: Observing
      recommended: spec.resources cpu 500m -> 380m, memory 512Mi -> 624Mi: as used
      15 min ago     TakenBack  attunementPpm 1020000 -> 1040000: latency p95 went from 5 to 9 ms
      1 h 6 min ago  Kept       attunementPpm 1000000 -> 1020000: coherence went from 930000 to 945000
                                ppm in 8 epochs

    "
  `);
});

test.each([
  [{ ableVersion: 1 }, "state version 1"],
  [{ ableVersion: 2 }, "state version 1; every release could run 2: see spec.protocolActivation"],
  [
    { ableVersion: 2, pendingVersion: 2 },
    "state version 1; 2 is ordered, and in force from the epoch on whose members can all run it",
  ],
  [{ stateVersion: 2, ableVersion: 2, leastVersion: "1.1.0" }, "state version 2; no release before 1.1.0 can run it"],
])("tells which rules the network runs, and what comes next: %j", (protocol, told) => {
  const cluster = clusterObject({ protocol: { stateVersion: 1, wireVersion: 1, ...protocol } });
  const wide = { ...PLAIN, width: 200 };
  expect(statusScreen({ cluster, rollouts: [firstDeployment()] }, wide)).toMatch(new RegExp(`rules +${told}\n`));
});
