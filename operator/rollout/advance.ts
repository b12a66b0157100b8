import { unreachable } from "../../node/base/assert.ts";
import type { RolloutStatus } from "../api/rollout.ts";
import { answered, atGate, pausedByApproval } from "./approvals.ts";
import { startFailure } from "./failure.ts";
import { deploying, holding } from "./first-deployment.ts";
import { ended, inState, judged, noted, resumed } from "./history.ts";
import { pausedByImage, pinned } from "./image-pin.ts";
import { goBack, supersede } from "./incident.ts";
import { moving, settling } from "./moving.ts";
import { observing } from "./observing.ts";
import { phaseCounts } from "./phases.ts";
import { rollingBack } from "./rollback.ts";
import { podsCommand, record, recordAndFree, type Situation, type Step, specCommand, waitFor } from "./situation.ts";
import { pausedByJudge, soaking } from "./soaking.ts";
import { asksForObserver } from "./start.ts";
import { timeText } from "./time.ts";
import { failedSince, judgeSince, nextWindow } from "./watchdog.ts";

/** Moves the active rollout on by one step. */
export function advance(situation: Situation): Step {
  const { rollout, spec } = situation;
  const { status } = rollout;
  const { state } = status;
  if (state === undefined) return starting(situation);
  if (state === "RollingBack") return spec.paused ? paused(situation) : rollingBack(situation);
  const { to } = rollout.spec;
  if (situation.targetRevision !== to.revision) return abandoned(situation, status);
  if (spec.paused) return pausing(situation, status);
  if (state === "Paused" && status.pauseReason === "Spec")
    return record(
      situation,
      noted(resumed(status, situation.now), situation.now, "Resumed", "spec.paused is false again"),
    );
  return watched(situation) ?? pinned(situation) ?? answered(situation) ?? byState(situation);
}

function byState(situation: Situation): Step {
  const { status, spec } = situation.rollout;
  const state = status.state ?? "Moving";
  const { slot } = situation;
  const other = slot?.kind === "Rotation" || slot?.kind === "Scale";
  if (other && (state === "Moving" || state === "Settling"))
    return waitFor(situation, {
      reason: "SlotTaken",
      message: `The rollout goes on when node ${slot.validator} is done with: ${slot.kind}`,
      who: "Operator",
      command: podsCommand(situation),
    });
  switch (state) {
    case "Observing":
      return observing(situation);
    case "Moving":
      return spec.kind === "FirstDeployment" ? deploying(situation) : moving(situation);
    case "Settling":
      return settling(situation);
    case "Soaking":
      return soaking(situation);
    case "AtGate":
      return atGate(situation);
    case "Paused":
      return pausedFor(situation);
    case "RollingBack":
      return rollingBack(situation);
    case "Succeeded":
    case "RolledBack":
    case "Superseded":
    case "Failed":
      return { slot: situation.slot, acts: [] };
    default:
      return unreachable(state);
  }
}

function pausedFor(situation: Situation): Step {
  const reason = situation.rollout.status.pauseReason ?? "";
  switch (reason) {
    case "FirstDeploymentFailed":
      return holding(situation);
    case "Approval":
      return pausedByApproval(situation);
    case "ImageMoved":
      return pausedByImage(situation);
    case "Judge":
    case "Spec":
    case "":
      return pausedByJudge(situation);
    default:
      return unreachable(reason);
  }
}

/**
 * Who cannot be asked might be of a release that admits no observers; and a network that began with a backup's state can be
 * followed only by who has that as well.
 */
function starting(situation: Situation): Step {
  const { view, rollout, spec } = situation;
  const observes = rollout.spec.kind === "Upgrade" && asksForObserver(spec);
  const known = view.nodes.flatMap(({ status }) => status ?? []);
  if (observes && known.length === 0)
    return waitFor(situation, {
      reason: "NodesNotReady",
      message: "No node can be read, so that nobody knows whether they admit an observer of the new release",
      who: "Platform",
      command: podsCommand(situation),
    });
  const admitted = known.some(({ observers }) => observers !== undefined);
  return record(situation, started(situation, observes && admitted));
}

function started({ now, rollout, spec }: Situation, observes: boolean): RolloutStatus {
  const { from, to, kind } = rollout.spec;
  const counts = phaseCounts(rollout.spec.phases, spec.validators.replicas);
  const status: RolloutStatus = {
    ...inState({}, now, observes ? "Observing" : "Moving"),
    phase: observes ? 0 : 1,
    startTime: timeText(now),
    moved: [],
    consecutiveFailures: 0,
    rollbackReason: "",
    rollbackCause: "",
    windows: [],
  };
  const what = kind === "FirstDeployment" ? `first deployment of ${to.version}` : `${from.version} to ${to.version}`;
  const first = observes ? "an observer, then " : "";
  return noted(
    status,
    now,
    "Started",
    `${what}, ${first}${counts.join(", then ")} of ${spec.validators.replicas} nodes`,
  );
}

/** The spec wants something else by now. */
function abandoned(situation: Situation, status: RolloutStatus): Step {
  const { rollout, now, targetRevision, spec } = situation;
  if (rollout.spec.kind === "FirstDeployment" || (status.moved ?? []).length === 0)
    return recordAndFree(ended(status, now, "Superseded", `the spec changed to revision ${targetRevision}`));
  return spec.paused ? paused(situation) : supersede(situation, status);
}

function pausing(situation: Situation, status: RolloutStatus): Step {
  if (status.state === "Paused" && status.pauseReason === "Spec") return paused(situation);
  const { now } = situation;
  return record(situation, {
    ...noted(inState(status, now, "Paused"), now, "Paused", "spec.paused is true"),
    pauseReason: "Spec",
  });
}

const paused = (situation: Situation): Step =>
  waitFor(situation, {
    reason: "Paused",
    message: "spec.paused is true: nothing moves, rollback included. Set it to false to go on",
    who: "User",
    command: specCommand(situation),
  });

/** The watchdog: breaches end the rollout in whatever state it is. Undefined while there is nothing to record. */
function watched(situation: Situation): Step | undefined {
  const { rollout, view, spec, slot } = situation;
  const { status } = rollout;
  const first = rollout.spec.kind === "FirstDeployment";
  const moved = status.moved ?? [];
  for (const node of first ? [] : view.nodes) {
    const failure = moved.includes(node.id) ? startFailure(situation, node, slot?.validator === node.id) : undefined;
    if (failure !== undefined) return goBack(situation, failure, status);
  }
  // Levels are judged from the first quorum on.
  if (first && status.state === "Moving") return undefined;
  const finding = nextWindow(situation);
  if (finding === undefined) return undefined;
  const next = judged(status, finding.window);
  const limit = finding.safety ? 1 : spec.rollout.failureLimit;
  if ((next.consecutiveFailures ?? 0) < limit) return record(situation, next);
  if (!finding.safety && limit > 1) {
    // Each window alone holds little: the failed ones together have the last word.
    const together = judgeSince(situation, failedSince(next, finding.from)).window;
    if (together.verdict !== "Fail") return record(situation, judged(status, together));
  }
  const reason = finding.safety
    ? finding.window.message
    : `${next.consecutiveFailures} failed windows in a row: ${finding.window.message}`;
  if (first && status.state === "Paused") return record(situation, next);
  return goBack(situation, { cause: finding.safety ? "Safety" : "Release", reason }, next);
}
