import type { Millis } from "../../node/base/units.ts";
import type { ClusterSpec, ClusterStatus, Disruption, Quarantined, WaitingFor } from "../api/cluster.ts";
import type { RolloutStatus } from "../api/rollout.ts";
import type { ApprovalObject, RolloutObject, Snapshot } from "../observe/snapshot.ts";
import type { Action } from "../reconcile/actions.ts";
import type { Hold } from "./hold.ts";
import type { View } from "./view.ts";

/** Everything that the active rollout is moved on from. */
export type Situation = {
  readonly now: Millis;
  readonly cluster: string;
  readonly namespace: string;
  readonly spec: ClusterSpec;
  readonly view: View;
  readonly rollout: RolloutObject;
  /** The recorded slot: the one node that may be down by us. */
  readonly slot: Disruption | undefined;
  /** The validator that is on its way to a new vote key, as recorded. */
  readonly replacement: ClusterStatus["replacement"];
  readonly targetRevision: string;
  readonly quarantine: readonly Quarantined[];
  /** Proven words of people about this rollout, oldest first; used ones are among them. */
  readonly approvals: readonly ApprovalObject[];
  readonly samples: Snapshot["samples"];
  readonly epochs: Snapshot["epochs"];
  readonly metricSource: Snapshot["metricSource"];
  readonly crashLogs: Snapshot["crashLogs"];
  /** The difference of inputs between the rollout's two releases, in words. */
  readonly difference: string;
  /** The releases differ in what the scheduler looks at: resources, placement or pods. */
  readonly schedulingChanged: boolean;
  /** Why no further node may be moved now; going back is not held. */
  readonly hold: Hold | undefined;
};

export type Wait = Omit<WaitingFor, "since">;

/**
 * One step. What is to be recorded comes before what is to be done: with a new `status` or another `slot`, `acts` is empty,
 * and the next call, which sees them recorded, acts. So a crash between any two writes loses nothing.
 */
export type Step = {
  readonly status?: RolloutStatus;
  readonly slot: Disruption | undefined;
  readonly acts: readonly Action[];
  readonly wait?: Wait;
  readonly quarantine?: Quarantined;
};

/** New status, same slot. */
export const record = (situation: Situation, status: RolloutStatus): Step => ({
  status,
  slot: situation.slot,
  acts: [],
});

/** New status, and no node is in motion any more. */
export const recordAndFree = (status: RolloutStatus): Step => ({ status, slot: undefined, acts: [] });

export const takeSlot = (slot: Disruption | undefined): Step => ({ slot, acts: [] });

export const waitFor = (situation: Situation, wait: Wait, acts: readonly Action[] = []): Step => ({
  slot: situation.slot,
  acts,
  wait,
});

export const podsCommand = (situation: Pick<Situation, "cluster" | "namespace">): string =>
  `kubectl get pods -n ${situation.namespace} -l hmn.dev/cluster=${situation.cluster} -o wide`;
export const rolloutCommand = (situation: Situation): string =>
  `kubectl describe hmnrollout ${situation.rollout.metadata.name} -n ${situation.namespace}`;
export const specCommand = (situation: Pick<Situation, "cluster" | "namespace">): string =>
  `kubectl edit hmncluster ${situation.cluster} -n ${situation.namespace}`;
