import { millis, seconds } from "../../node/base/units.ts";
import type { Quarantined } from "../api/cluster.ts";
import { LABELS } from "../api/group.ts";
import { equalJson } from "../desired/hash.ts";
import { describeDifference, inputsOf, revisionOf } from "../desired/inputs.ts";
import { type StoredRevision, storedRevisions } from "../desired/revision.ts";
import type { ApprovalObject, RolloutObject, Snapshot } from "../observe/snapshot.ts";
import { advance } from "../rollout/advance.ts";
import { holdOf } from "../rollout/hold.ts";
import type { Situation, Step, Wait } from "../rollout/situation.ts";
import { activeRollout, assignedRevision, currentRelease } from "../rollout/start.ts";
import { isFresh, type View, viewOf } from "../rollout/view.ts";
import type { Action, Decision } from "./actions.ts";
import { activate, activationEvents } from "./activation.ts";
import { approvalAnswers, provenApprovals, retryApproval } from "./approvals.ts";
import { backups } from "./backups.ts";
import { stalledReasons } from "./conditions.ts";
import { events, replacementEvents, scaleEvents } from "./events.ts";
import { grow } from "./growth.ts";
import { hibernate, hibernationEvents } from "./hibernation.ts";
import { idle } from "./idle.ts";
import { leftovers } from "./leftovers.ts";
import { marks } from "./marks.ts";
import { damagedObservers, observerLeftovers, observerMoves, strandedObservers, wantedObservers } from "./observers.ts";
import { plan } from "./plan.ts";
import { prune } from "./prune.ts";
import { replaceLost } from "./replacement.ts";
import { rotate } from "./rotation.ts";
import { scale, sizeOf } from "./scale.ts";
import { signerProof } from "./signer-proof.ts";
import { clusterStatus, type Outcome } from "./status.ts";
import { tune, tuningEvents } from "./tuning.ts";

/** Quarantined inputs that are remembered; the oldest go first. */
const QUARANTINE_MAX = 10;
/** While something is under way, its clocks (settle, soak, deadline) are looked at this often. */
const LOOK_ACTIVE = seconds(1);
/** Otherwise often enough to notice readings that went stale. */
const LOOK_IDLE = seconds(10);

/**
 * The operator's mind: one snapshot in, what to do out. It keeps nothing between calls; what must outlive one is recorded
 * in a status, which is written before anything is done on the strength of it.
 */
export function decide(asked: Snapshot): Decision {
  // Everything is decided for the validators that are run; only scaling looks at how many are wanted.
  const snapshot = ofSize(asked, sizeOf(asked));
  const { cluster, rollouts } = snapshot;
  // Owned objects go by garbage collection; volumes as their StatefulSets say.
  if (cluster.metadata.deleting) return { actions: [], requeueAfterMs: LOOK_IDLE };
  const view = viewOf(snapshot);
  const stored = storedRevisions(snapshot.revisions);
  const target = revisionOf(inputsOf(cluster.spec));
  const active = activeRollout(rollouts);
  const current = currentRelease(rollouts, cluster.status);
  const proof = signerProof(snapshot);
  const approvals = provenApprovals(snapshot, proof);
  const retry = retried(snapshot, active, target, approvals);
  const observers = wantedObservers(snapshot, active, current.revision);
  const {
    actions: planned,
    obstacle,
    repairs,
    restore,
  } = plan(
    snapshot,
    view,
    stored,
    (id) => assignedRevision(active, current.revision, id) ?? ownRevision(view, id),
    observers,
  );
  const shared = { target, current, obstacle, repairs, restore: restore.status };
  const { hibernation } = cluster.status;
  if (hibernation !== undefined && hibernation.step !== "BackingUp")
    return dormant(snapshot, view, planned, { ...shared, ...retry, wanted: asked.cluster.spec.validators.replicas });
  const step: Step =
    active === undefined
      ? idle(snapshot, view, stored, { target, current: current.revision, ...retry })
      : advance(situationOf(snapshot, view, stored, active, { target, quarantine: retry.quarantine, approvals }));
  const free = active === undefined && (step.slot ?? cluster.status.disruption) === undefined;
  const turn = rotate(snapshot, view, free);
  const wanted = asked.cluster.spec.validators.replicas;
  const scaling = scale(snapshot, view, wanted, free && turn.slot === undefined && target === current.revision);
  const replacing = replaceLost(snapshot, view);
  const busy = active !== undefined || target !== current.revision;
  const resizing = scaling.status !== undefined || scaling.size !== wanted || replacing.status !== undefined;
  const tuning = tune(snapshot, view, { busy, scaling: resizing, subject: current.revision });
  const calm = !busy && !resizing && free && turn.slot === undefined;
  const growing = grow(snapshot, view, calm);
  const { frozen } = snapshot.fleet;
  const sleeping = hibernate(
    snapshot,
    view,
    calm && current.revision !== "" && !cluster.spec.paused && !frozen && growing.status === undefined,
  );
  const activation = activate(snapshot, view, calm, current.version);
  // Their slots are theirs to give back, unless something with more right takes them.
  const theirs = step.slot === undefined || step.slot.kind === "Rotation" || step.slot.kind === "Scale";
  const slot = theirs ? (turn.slot ?? scaling.slot) : step.slot;
  const quarantine = withEntry(retry.quarantine, step.quarantine);
  const status = clusterStatus(snapshot, view, {
    ...shared,
    active,
    hibernation: sleeping.status,
    slot,
    tls: turn.status,
    scaling: { size: scaling.size, scale: scaling.status, wanted },
    protocol: activation.status,
    tuning: tuning.status,
    replacing,
    growth: growing.status,
    wait:
      stands(step.wait) ??
      replacing.wait ??
      step.wait ??
      (active === undefined ? (scaling.wait ?? growing.wait ?? sleeping.wait) : undefined),
    background: turn.wait ?? activation.wait,
    quarantine,
    retryHandled: retry.handled,
  });
  const { metadata } = cluster;
  const changed = !equalJson(status, cluster.status);
  // Acts rest on the slot and the verdict as recorded, and on what nodes say now: those of a cluster at rest are read anew first.
  const recorded =
    isFresh(view, snapshot.now) &&
    step.status === undefined &&
    equalJson(slot, cluster.status.disruption) &&
    step.quarantine === undefined;
  const tlsRecorded = equalJson(turn.status, cluster.status.tls);
  const actions: Action[] = [
    ...(changed ? [statusWrite("HmnCluster", metadata.name, metadata.resourceVersion, status)] : []),
    ...(active !== undefined && step.status !== undefined
      ? [statusWrite("HmnRollout", active.metadata.name, active.metadata.resourceVersion, step.status)]
      : []),
    ...approvalAnswers(snapshot, proof, { before: cluster.status.quarantine ?? [], after: quarantine }),
    ...planned,
    ...marks(snapshot, view),
    // Before any eviction: one that the budget refuses, because a lost validator is missing, ends the run.
    ...replacing.acts,
    ...(recorded ? step.acts : []),
    ...(recorded && tlsRecorded ? turn.acts : []),
    ...(recorded ? scaling.acts : []),
    ...observerMoves(snapshot, view, observers),
    ...strandedObservers(snapshot, view),
    ...damagedObservers(snapshot, view),
    ...growing.acts,
    ...sleeping.acts,
    ...tuning.acts,
    ...activation.acts,
    ...backups(snapshot, view),
    ...prune(snapshot, [target, current.revision]),
    ...leftovers(snapshot, view),
    ...observerLeftovers(snapshot, observers),
    ...events(snapshot, status, active, step.status),
    ...hibernationEvents(cluster.status.hibernation, status.hibernation),
    ...scaleEvents(cluster.status.scale, status.scale, status.size),
    ...replacementEvents(cluster.status, status),
    ...activationEvents(cluster.status.protocol, status.protocol),
    ...tuningEvents(cluster.status.tuning, status.tuning),
  ];
  return { actions, requeueAfterMs: millis(active !== undefined || actions.length > 0 ? LOOK_ACTIVE : LOOK_IDLE) };
}

/** Asleep, falling asleep or waking: nothing is done but what brings pods away or back. All else goes on from its records afterwards. */
function dormant(
  snapshot: Snapshot,
  view: View,
  planned: readonly Action[],
  {
    wanted,
    quarantine,
    handled,
    ...shared
  }: Pick<Outcome, "target" | "current" | "obstacle" | "repairs" | "restore"> & {
    readonly wanted: number;
    readonly quarantine: readonly Quarantined[];
    readonly handled: string;
  },
): Decision {
  const { cluster } = snapshot;
  const { metadata, status: before } = cluster;
  const sleeping = hibernate(snapshot, view, true);
  const status = clusterStatus(snapshot, view, {
    ...shared,
    active: undefined,
    hibernation: sleeping.status,
    slot: before.disruption,
    tls: before.tls ?? rotate(snapshot, view, false).status,
    scaling: { size: before.size, scale: before.scale, wanted },
    protocol: before.protocol,
    tuning: before.tuning,
    growth: before.growth,
    replacing: { status: before.replacement, incarnations: before.incarnations ?? [] },
    wait: sleeping.wait,
    background: undefined,
    quarantine,
    retryHandled: handled,
  });
  const changed = !equalJson(status, before);
  const actions: Action[] = [
    ...(changed ? [statusWrite("HmnCluster", metadata.name, metadata.resourceVersion, status)] : []),
    ...planned,
    ...events(snapshot, status, undefined, undefined),
    ...hibernationEvents(before.hibernation, status.hibernation),
  ];
  return { actions, requeueAfterMs: millis(actions.length > 0 ? LOOK_ACTIVE : LOOK_IDLE) };
}

/** What only a person ends is told before anything else. */
const stands = (wait: Wait | undefined): Wait | undefined =>
  wait !== undefined && stalledReasons.includes(wait.reason) ? wait : undefined;

const ofSize = (snapshot: Snapshot, replicas: number): Snapshot => {
  const { cluster } = snapshot;
  if (cluster.spec.validators.replicas === replicas) return snapshot;
  const spec = { ...cluster.spec, validators: { ...cluster.spec.validators, replicas } };
  return { ...snapshot, cluster: { ...cluster, spec } };
};

const statusWrite = (
  kind: "HmnCluster" | "HmnRollout",
  name: string,
  resourceVersion: string,
  status: unknown,
): Action => ({ type: "status", kind, name, resourceVersion, status });

/** A StatefulSet of an abandoned first deployment stays on its revision until it is moved. */
const ownRevision = (view: View, id: number): string | undefined =>
  view.nodes[id]?.statefulSet?.spec?.template.metadata?.labels?.[LABELS.revision];

/** A new word in spec.retry lifts the quarantine of the present inputs, once; so does an HmnApproval for its rollout. */
function retried(
  snapshot: Snapshot,
  active: RolloutObject | undefined,
  target: string,
  approvals: readonly ApprovalObject[],
) {
  const { spec, status } = snapshot.cluster;
  const quarantine = status.quarantine ?? [];
  const handled = status.retryHandled;
  // What stands there from the start is no request; what comes in a rollback waits for its end.
  const fresh = handled !== undefined && spec.retry !== handled;
  const approved = active === undefined ? retryApproval(approvals, quarantine) : undefined;
  const approvedRollout = approved?.spec.rollout;
  if (active !== undefined || (!fresh && approved === undefined))
    return { quarantine, handled: handled ?? spec.retry, retrying: false };
  const asked = fresh && spec.retry !== "";
  return {
    quarantine: quarantine.filter(
      ({ revision, rollout }) => !(asked && revision === target) && rollout !== approvedRollout,
    ),
    handled: fresh ? spec.retry : (handled ?? spec.retry),
    retrying: asked || approved !== undefined,
  };
}

function withEntry(quarantine: readonly Quarantined[], entry: Quarantined | undefined): readonly Quarantined[] {
  if (entry === undefined || quarantine.some(({ revision }) => revision === entry.revision)) return quarantine;
  return [...quarantine, entry].slice(-QUARANTINE_MAX);
}

function situationOf(
  snapshot: Snapshot,
  view: View,
  stored: ReadonlyMap<string, StoredRevision>,
  rollout: RolloutObject,
  facts: {
    readonly target: string;
    readonly quarantine: readonly Quarantined[];
    readonly approvals: readonly ApprovalObject[];
  },
): Situation {
  const { cluster } = snapshot;
  const from = stored.get(rollout.spec.from.revision)?.inputs;
  const to = stored.get(rollout.spec.to.revision)?.inputs;
  const scheduling = (inputs: typeof to) => [inputs?.resources, inputs?.placement, inputs?.pods];
  return {
    now: snapshot.now,
    cluster: cluster.metadata.name,
    namespace: cluster.metadata.namespace,
    spec: cluster.spec,
    view,
    rollout,
    slot: cluster.status.disruption,
    replacement: cluster.status.replacement,
    targetRevision: facts.target,
    quarantine: facts.quarantine,
    approvals: facts.approvals.filter(({ spec }) => spec.rollout === rollout.metadata.name),
    samples: snapshot.samples,
    epochs: snapshot.epochs,
    metricSource: snapshot.metricSource,
    crashLogs: snapshot.crashLogs,
    difference: to === undefined ? "" : describeDifference(from, to),
    hold: holdOf(cluster, snapshot.fleet, snapshot.now),
    schedulingChanged: !equalJson(scheduling(from), scheduling(to)),
  };
}
