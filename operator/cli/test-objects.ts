import { type Millis, millis } from "../../node/base/units.ts";
import { type ClusterSpecInput, type ClusterStatus, clusterSpecSchema } from "../api/cluster.ts";
import type { RolloutSpec, RolloutStatus } from "../api/rollout.ts";
import type { ValidatorStatus } from "../api/validator-status.ts";
import { inputsOf, revisionOf } from "../desired/inputs.ts";
import type { ClusterObject, RolloutObject } from "../observe/snapshot.ts";
import type { Look } from "./screen.ts";

/** The moment at which every test looks: 14:30 UTC. */
export const NOW: Millis = millis(Date.UTC(2026, 0, 15, 14, 30));
/** So many seconds before it, as a status has it. */
export const before = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString();

/** A terminal of 100 columns without colours. */
export const PLAIN: Look = { now: NOW, width: 100, paint: (_, text) => text };

export const specInput = (changes: Partial<ClusterSpecInput> = {}): ClusterSpecInput => ({
  version: "1.0.0",
  image: { reference: "registry.example/hmn-node:1.0.0" },
  network: "payments",
  rollout: {
    phases: [
      { percent: 20, soakSeconds: 60, gate: true },
      { percent: 80, soakSeconds: 60 },
      { percent: 100, soakSeconds: 120 },
    ],
  },
  ...changes,
});
/** A spec that asks for another release, and nothing else. */
export const onVersion = (version: string, changes: Partial<ClusterSpecInput> = {}) =>
  specInput({ version, image: { reference: `registry.example/hmn-node:${version}` }, ...changes });

export const revisionFor = (version: string): string =>
  revisionOf(inputsOf(clusterSpecSchema.parse(onVersion(version))));

export const validator = (id: number, changes: Partial<ValidatorStatus> = {}): ValidatorStatus => ({
  id,
  pod: `payments-${id}-0-0`,
  host: `worker-${id + 1}`,
  zone: `zone-${"abcd"[id % 4]}`,
  revision: revisionFor("1.0.0"),
  version: "1.0.0",
  state: "Voting",
  ready: true,
  weight: 100,
  voting: true,
  problem: "",
  ...changes,
});

const metadata = (name: string, uid: string, age: number) => ({
  name,
  namespace: "hmn-demo",
  uid,
  resourceVersion: "7",
  generation: 3,
  labels: {},
  annotations: {},
  creationTimestamp: before(age),
  deleting: false,
});

const condition = (type: string, status: "True" | "False" | "Unknown", reason: string, message: string) => ({
  type,
  status,
  reason,
  message,
  observedGeneration: 3,
  lastTransitionTime: before(900),
});
export const conditionsWith = (...changed: readonly ReturnType<typeof condition>[]) =>
  [
    condition("Ready", "True", "Converged", "All nodes run the spec, are ready and caught up, and a quorum serves"),
    condition("Available", "True", "QuorumServes", "A quorum of the weight is ready and votes"),
    condition("ServiceLevelsMet", "True", "LevelsMet", "Every level was met in the last minute"),
    condition("FaultDomainsSafe", "True", "Spread", "Each host and each zone holds under a third of the weight"),
    condition("RolledBack", "False", "NoRollback", "The last finished rollout was not rolled back"),
  ]
    .map((usual) => changed.find(({ type }) => type === usual.type) ?? usual)
    .concat(changed.filter(({ type }) => type === "Reconciling" || type === "Stalled"));
export { condition };

/** Four validators on 1.0.0, all well. */
export function clusterObject(
  status: Partial<ClusterStatus> = {},
  spec: ClusterSpecInput = specInput(),
): ClusterObject {
  return {
    metadata: metadata("payments", "uid-payments", 90_000),
    spec: clusterSpecSchema.parse(spec),
    status: {
      observedGeneration: 3,
      phase: "Running",
      chainId: "c".repeat(64),
      currentRevision: revisionFor("1.0.0"),
      currentVersion: "1.0.0",
      targetRevision: revisionFor("1.0.0"),
      ready: "4/4",
      rollout: "payments-1",
      validators: [0, 1, 2, 3].map((id) => validator(id)),
      conditions: conditionsWith(),
      quarantine: [],
      retryHandled: "",
      ...status,
    },
  };
}

export function rolloutObject(number: number, spec: Partial<RolloutSpec>, status: RolloutStatus): RolloutObject {
  const release = (version: string) => ({
    revision: version === "" ? "" : revisionFor(version),
    version,
    image: version === "" ? "" : `registry.example/hmn-node:${version}`,
  });
  return {
    metadata: metadata(`payments-${number}`, `uid-payments-${number}`, 90_000 - number * 1000),
    spec: {
      cluster: "payments",
      clusterUID: "uid-payments",
      number,
      kind: "Upgrade",
      from: release("1.0.0"),
      to: release("1.1.0"),
      phases: clusterSpecSchema.parse(specInput()).rollout.phases,
      ...spec,
    },
    status,
  };
}

/** How the cluster came up. */
export const firstDeployment = (): RolloutObject =>
  rolloutObject(
    1,
    {
      kind: "FirstDeployment",
      from: { revision: "", version: "", image: "" },
      to: { revision: revisionFor("1.0.0"), version: "1.0.0", image: "registry.example/hmn-node:1.0.0" },
    },
    {
      state: "Succeeded",
      phase: 3,
      startTime: before(89_000),
      completionTime: before(88_700),
      moved: [0, 1, 2, 3],
      since: before(88_700),
    },
  );

/** An upgrade whose first phase has passed. */
export const atGate = (): RolloutObject =>
  rolloutObject(
    2,
    {},
    {
      state: "AtGate",
      phase: 1,
      since: before(312),
      startTime: before(400),
      moved: [0],
      windows: [
        {
          time: before(330),
          phase: 1,
          verdict: "NoData",
          metric: "",
          newValue: "",
          oldValue: "",
          limit: "",
          message: "too few batches to judge latency: 3 of 20",
        },
        {
          time: before(320),
          phase: 1,
          verdict: "Pass",
          metric: "latencyP95",
          newValue: "12 ms",
          oldValue: "11 ms",
          limit: "50 ms",
          message: "latencyP95 12 ms at node 0, 11 ms at the old ones, level 50 ms",
        },
      ],
      timeline: [
        { time: before(400), event: "Started", message: "1.0.0 to 1.1.0, 1, then 3, then 4 of 4 nodes" },
        { time: before(398), event: "NodeMoving", message: "node 0 goes to 1.1.0" },
        { time: before(380), event: "NodeReady", message: "node 0 runs 1.1.0, ready and caught up" },
        { time: before(372), event: "Soaking", message: "phase 1: 1 of 4 nodes run 1.1.0, watched for 60 s" },
        { time: before(312), event: "PhasePassed", message: "phase 1: every level was met" },
        { time: before(312), event: "AtGate", message: "phase 1: the next one waits for an HmnApproval" },
      ],
    },
  );

/** An upgrade that was slow and taken back. */
export const rolledBack = (): RolloutObject => {
  const window = (seconds: number) => ({
    time: before(seconds),
    phase: 1,
    verdict: "Fail" as const,
    metric: "latencyP95",
    newValue: "3000 ms",
    oldValue: "11 ms",
    limit: "50 ms",
    message: "latencyP95 3000 ms at node 0, 11 ms at the old ones, level 50 ms",
  });
  const reason = "2 failed windows in a row: latencyP95 3000 ms at node 0, 11 ms at the old ones, level 50 ms";
  return rolloutObject(
    3,
    {
      to: { revision: revisionFor("1.2.0"), version: "1.2.0", image: "registry.example/hmn-node:1.2.0" },
    },
    {
      state: "RolledBack",
      phase: 1,
      since: before(7200),
      startTime: before(7300),
      completionTime: before(7200),
      moved: [0],
      rollbackCause: "Release",
      rollbackReason: reason,
      windows: [window(7260), window(7255)],
      timeline: [
        { time: before(7300), event: "Started", message: "1.0.0 to 1.2.0, 1, then 3, then 4 of 4 nodes" },
        { time: before(7298), event: "NodeMoving", message: "node 0 goes to 1.2.0" },
        { time: before(7255), event: "RollingBack", message: reason },
        { time: before(7200), event: "RolledBack", message: "all nodes run 1.0.0" },
      ],
      incident: {
        summary: `1.2.0 was rolled back to 1.0.0 in phase 1: ${reason}`,
        cause: "Release",
        suspected:
          "version 1.0.0 -> 1.2.0, image registry.example/hmn-node:1.0.0 -> registry.example/hmn-node:1.2.0; first sign: latencyP95",
        validators: [0],
        windows: [window(7260), window(7255)],
        logs: "",
        detectedAt: before(7255),
        resolvedAt: before(7200),
      },
    },
  );
};

export const quarantineOf = (rollout: RolloutObject) => ({
  revision: rollout.spec.to.revision,
  version: rollout.spec.to.version,
  image: rollout.spec.to.image,
  rollout: rollout.metadata.name,
  reason: rollout.status.rollbackReason ?? "",
  since: before(7255),
});
