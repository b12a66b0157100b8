import type { Incident, RolloutStatus } from "../api/rollout.ts";
import type { Failure } from "./failure.ts";
import { inState, noted } from "./history.ts";
import { record, type Situation, type Step } from "./situation.ts";
import { timeText } from "./time.ts";

const LOGS_MAX = 4096;

/**
 * The verdict: records that the rollout goes back and why, with what will be gone once its pods are (logs). Going back
 * begins with the quarantine of the inputs, unless the fault lies outside of the release. A first deployment is held instead.
 */
export function goBack(situation: Situation, failure: Omit<Failure, "validator">, status: RolloutStatus): Step {
  const { now, rollout } = situation;
  const { to, from } = rollout.spec;
  if (from.revision === "") return record(situation, held(situation, status, failure.reason));
  const broken = (status.windows ?? []).filter(({ verdict }) => verdict === "Fail");
  const firstMetric = broken[0]?.metric ?? "";
  const incident: Incident = {
    summary: `${to.version} was rolled back to ${from.version} in phase ${status.phase ?? 1}: ${failure.reason}`.slice(
      0,
      1024,
    ),
    cause: failure.cause,
    suspected: `${situation.difference}; first sign: ${firstMetric === "" ? failure.reason : firstMetric}`.slice(
      0,
      1024,
    ),
    validators: status.moved ?? [],
    windows: broken.slice(-10),
    logs: logsOf(situation),
    detectedAt: timeText(now),
  };
  const reason = failure.reason.slice(0, 1024);
  const next: RolloutStatus = {
    ...noted(inState(status, now, "RollingBack"), now, "RollingBack", reason),
    rollbackReason: reason,
    rollbackCause: failure.cause,
    incident,
  };
  return record(situation, next);
}

/** There is nothing to go back to: hold, keep the volumes, and go on when the cause is gone or the spec changed. */
export function held(situation: Situation, status: RolloutStatus, reason: string): RolloutStatus {
  return {
    ...noted(inState(status, situation.now, "Paused"), situation.now, "FirstDeploymentFailed", reason),
    pauseReason: "FirstDeploymentFailed",
    rollbackReason: reason.slice(0, 1024),
  };
}

/** Nodes on the abandoned release go back before those of the next one move: at most two revisions at once. */
export function supersede(situation: Situation, status: RolloutStatus): Step {
  const { now } = situation;
  const reason = `the spec changed to revision ${situation.targetRevision}`;
  return record(situation, {
    ...noted(inState(status, now, "RollingBack"), now, "RollingBack", reason),
    rollbackReason: reason,
    rollbackCause: "Superseded",
  });
}

export function quarantineOf(situation: Situation, reason: string) {
  const { to } = situation.rollout.spec;
  return {
    revision: to.revision,
    version: to.version,
    image: to.image,
    rollout: situation.rollout.metadata.name,
    reason: reason.slice(0, 1024),
    since: timeText(situation.now),
  };
}

function logsOf({ view, rollout, crashLogs }: Situation): string {
  for (const node of [view.forerunner, ...view.nodes]) {
    const log = node.podRevision === rollout.spec.to.revision ? crashLogs.get(node.podUid) : undefined;
    // The end of a log tells how the process died.
    if (log !== undefined) return log.slice(-LOGS_MAX);
  }
  return "";
}
