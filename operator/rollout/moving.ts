import { seconds } from "../../node/base/units.ts";
import type { RolloutStatus } from "../api/rollout.ts";
import { waitsForRebuild } from "./damage.ts";
import { startFailure } from "./failure.ts";
import { inState, noted } from "./history.ts";
import { goBack } from "./incident.ts";
import { phaseCounts } from "./phases.ts";
import { gate, nextToMove } from "./quorum.ts";
import { isHealthy, progressOf, reasonOf } from "./replace.ts";
import {
  podsCommand,
  record,
  recordAndFree,
  rolloutCommand,
  type Situation,
  type Step,
  takeSlot,
  waitFor,
} from "./situation.ts";
import { elapsed, timeText } from "./time.ts";
import type { NodeView } from "./view.ts";

/** Number of nodes on the release at the end of the present phase. */
export function phaseCount({ rollout, spec }: Situation): number {
  const counts = phaseCounts(rollout.spec.phases, spec.validators.replicas);
  return counts[(rollout.status.phase ?? 1) - 1] ?? spec.validators.replicas;
}

/** Moves the nodes of the present phase, one at a time. */
export function moving(situation: Situation): Step {
  const { view, rollout, slot } = situation;
  const { status } = rollout;
  const moved = status.moved ?? [];
  const holder = slot === undefined ? undefined : view.nodes[slot.validator];
  if (holder !== undefined) return movingOne(situation, holder);
  // A crash between the two records leaves a node that is listed as moved and holds no slot.
  const unfinished = view.nodes.find(
    (node) => moved.includes(node.id) && node.podRevision !== rollout.spec.to.revision,
  );
  if (unfinished !== undefined) return reserve(situation, unfinished);
  if (moved.length >= phaseCount(situation)) return phaseMoved(situation);
  const next = nextToMove(view.nodes, moved);
  return next === undefined ? phaseMoved(situation) : reserve(situation, next);
}

function reserve(situation: Situation, node: NodeView): Step {
  const { hold, rollout } = situation;
  if (hold !== undefined && (hold.keeps === "Everything" || rollout.spec.kind === "Upgrade"))
    return waitFor(situation, hold.wait);
  const homeless = node.pod === undefined || node.stopping || node.host === "";
  if (homeless && !situation.schedulingChanged)
    return waitFor(situation, {
      reason: "NodesNotReady",
      message: `No node is moved before node ${node.id} has a host again${reasonOf(node)}`,
      who: "Platform",
      command: podsCommand(situation),
    });
  if (waitsForRebuild(situation, node))
    return waitFor(situation, {
      reason: "NodesNotReady",
      message: `No node is moved before node ${node.id} is rebuilt, or the release would be blamed for its data${reasonOf(node)}`,
      who: "Operator",
      command: podsCommand(situation),
    });
  const closed = node.voting ? gate(situation.view, node.id) : undefined;
  if (closed !== undefined) return atGate(situation, closed);
  return takeSlot({ kind: "Rollout", validator: node.id, since: timeText(situation.now) });
}

function movingOne(situation: Situation, node: NodeView): Step {
  const { now, rollout, view } = situation;
  const { status } = rollout;
  const { to } = rollout.spec;
  const moved = status.moved ?? [];
  const begun = node.stopping || node.podRevision === to.revision;
  if (situation.hold?.keeps === "Everything" && !begun) return waitFor(situation, situation.hold.wait);
  if (!moved.includes(node.id)) {
    if (waitsForRebuild(situation, node)) return takeSlot(undefined);
    const next = noted(status, now, "NodeMoving", `node ${node.id} goes to ${to.version}`);
    return record(situation, { ...next, moved: [...moved, node.id], progressAt: timeText(now) });
  }
  const failure = startFailure(situation, node, true);
  if (failure !== undefined) return goBack(situation, failure, status);
  const progress = progressOf(view, node, to.revision);
  if (progress.at === "done") {
    const next = noted(status, now, "NodeReady", `node ${node.id} runs ${to.version}, ready and caught up`);
    return record(situation, inState(next, now, "Settling"));
  }
  if (progress.at === "gate") return atGate(situation, progress.why);
  return waitFor(
    situation,
    {
      reason: "NodeMoving",
      message: `Node ${node.id} is moving to ${to.version}${reasonOf(node)}`,
      who: node.problem === undefined ? "Operator" : "Platform",
      command: podsCommand(situation),
    },
    progress.at === "acting" ? [progress.act] : [],
  );
}

/** Standing at the gate is not the release's fault: the deadline does not run. */
function atGate(situation: Situation, why: string): Step {
  const { now, spec, rollout } = situation;
  const late = elapsed(now, rollout.status.progressAt) > seconds(spec.rollout.progressDeadlineSeconds) / 2;
  const wait = {
    reason: "QuorumNotSpared",
    message: `No node is moved: ${why}. Bring the missing ones back`,
    who: "Platform" as const,
    command: podsCommand(situation),
  };
  return late
    ? { ...record(situation, { ...rollout.status, progressAt: timeText(now) }), wait }
    : waitFor(situation, wait);
}

/** After each moved node time to show what it does, then the slot is free. */
export function settling(situation: Situation): Step {
  const { now, rollout, spec, view, slot } = situation;
  const node = slot === undefined ? undefined : view.nodes[slot.validator];
  if (node !== undefined) {
    const failure = startFailure(situation, node, true);
    if (failure !== undefined) return goBack(situation, failure, rollout.status);
  }
  const settled = elapsed(now, rollout.status.since) >= seconds(spec.rollout.settleSeconds);
  if (!settled || (node !== undefined && !isHealthy(node)))
    return waitFor(situation, {
      reason: "Settling",
      message: `Node ${slot?.validator ?? ""} runs ${rollout.spec.to.version} and is watched for ${spec.rollout.settleSeconds} s before the next one moves`,
      who: "Operator",
      command: rolloutCommand(situation),
    });
  return recordAndFree(inState(rollout.status, now, "Moving"));
}

/** All nodes of the phase are there: watch them, once each is healthy. */
function phaseMoved(situation: Situation): Step {
  const { rollout, view } = situation;
  const moved = rollout.status.moved ?? [];
  const sick = view.nodes.filter((node) => moved.includes(node.id) && !isHealthy(node));
  if (sick.length > 0)
    return waitFor(situation, {
      reason: "NodesNotReady",
      message: `Phase ${rollout.status.phase ?? 1} is watched once node ${sick.map(({ id }) => id).join(", ")} is ready and caught up${sick[0] === undefined ? "" : reasonOf(sick[0])}`,
      who: "Platform",
      command: podsCommand(situation),
    });
  return record(situation, soakBegun(situation, rollout.status));
}

export function soakBegun(situation: Situation, status: RolloutStatus): RolloutStatus {
  const { now, rollout, spec } = situation;
  const phase = status.phase ?? 1;
  const soak = rollout.spec.phases[phase - 1]?.soakSeconds ?? 0;
  const next = inState(status, now, "Soaking");
  return noted(
    next,
    now,
    "Soaking",
    `phase ${phase}: ${(status.moved ?? []).length} of ${spec.validators.replicas} nodes run ${rollout.spec.to.version}, watched for ${soak} s`,
  );
}
