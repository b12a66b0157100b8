import { seconds } from "../../node/base/units.ts";
import type { RolloutStatus } from "../api/rollout.ts";
import { ended, inState, judged, noted, phaseStarted } from "./history.ts";
import { goBack } from "./incident.ts";
import { phaseCounts } from "./phases.ts";
import { record, recordAndFree, rolloutCommand, type Situation, type Step, waitFor } from "./situation.ts";
import { elapsed, timeOf, timeText } from "./time.ts";
import { judgeSince, watchedSince } from "./watchdog.ts";

/** Watches a phase until its soak is over and a window passed. */
export function soaking(situation: Situation): Step {
  const { now, rollout, spec } = situation;
  const { status } = rollout;
  const phase = status.phase ?? 1;
  const soak = seconds(rollout.spec.phases[phase - 1]?.soakSeconds ?? 0);
  if (elapsed(now, status.since) < soak) {
    const until = timeText((((timeOf(status.since) ?? now) as number) + soak) as typeof now);
    return waitFor(situation, {
      reason: "Soaking",
      message: `Phase ${phase} of ${rollout.spec.to.version} is watched under the service levels until ${until}`,
      who: "Operator",
      command: rolloutCommand(situation),
    });
  }
  if (soak === 0) return recordAndFree(phaseDone(situation, status, "no soak is asked for"));
  if ((status.consecutiveFailures ?? 0) > 0)
    return waitFor(situation, {
      reason: "LevelBroken",
      message: `The last window of phase ${phase} failed: one more decides`,
      who: "Operator",
      command: rolloutCommand(situation),
    });
  const since = timeOf(status.since) ?? now;
  const ofThisSoak = (status.windows ?? []).filter((window) => (timeOf(window.time) ?? 0) > since);
  // Single windows may hold too little; the whole soak is the last word.
  const whole = judgeSince(situation, since);
  if (whole.window.verdict === "Fail" && rollout.spec.kind === "Upgrade")
    return goBack(
      situation,
      { cause: "Release", reason: `over the whole soak of phase ${phase}: ${whole.window.message}` },
      judged(status, whole.window),
    );
  if (ofThisSoak.findLast(({ verdict }) => verdict !== "NoData")?.verdict === "Pass")
    return recordAndFree(phaseDone(situation, status, "every level was met"));
  if (whole.window.verdict === "Pass")
    return recordAndFree(phaseDone(situation, judged(status, whole.window), "every level was met"));
  const nobody = whole.nobodyServed && whole.window.verdict === "NoData";
  const seen = watchedSince(situation, since) >= seconds(spec.rollout.intervalSeconds);
  if (nobody && !seen && elapsed(now, status.since) < soak + seconds(spec.rollout.progressDeadlineSeconds))
    return waitFor(situation, {
      reason: "Soaking",
      message: `The soak of phase ${phase} is over, but the operator has begun to watch it only now: it judges after one window`,
      who: "Operator",
      command: rolloutCommand(situation),
    });
  if (nobody && seen)
    return recordAndFree(
      phaseDone(
        situation,
        judged(status, whole.window),
        "nobody was served: availability and safety alone were judged",
      ),
    );
  return record(situation, {
    ...noted(inState(judged(status, whole.window), now, "Paused"), now, "Paused", whole.window.message),
    pauseReason: "Judge",
  });
}

/** The gate of the phase where it has one, else the next phase or the end. */
function phaseDone(situation: Situation, status: RolloutStatus, how: string): RolloutStatus {
  const { now, rollout } = situation;
  const done = status.phase ?? 1;
  const passed = noted(status, now, "PhasePassed", `phase ${done}: ${how}`);
  if (rollout.spec.phases[done - 1]?.gate !== true) return nextPhase(situation, passed);
  return noted(inState(passed, now, "AtGate"), now, "AtGate", `phase ${done}: the next one waits for an HmnApproval`);
}

/** The next phase that adds a node, or the end. */
export function nextPhase(situation: Situation, status: RolloutStatus): RolloutStatus {
  const { now, rollout, spec } = situation;
  const counts = phaseCounts(rollout.spec.phases, spec.validators.replicas);
  let next = status;
  for (let phase = (status.phase ?? 1) + 1; phase <= counts.length; phase += 1) {
    if ((counts[phase - 1] ?? 0) > (counts[phase - 2] ?? 0))
      return phaseStarted(next, now, phase, counts[phase - 1] ?? 0);
    next = noted(next, now, "PhaseSkipped", `phase ${phase} adds no node`);
  }
  return ended(next, now, "Succeeded", `all ${spec.validators.replicas} nodes run ${rollout.spec.to.version}`);
}

/** No verdict at the end of a soak: a later window may still give one, the deadline ends the wait. */
export function pausedByJudge(situation: Situation): Step {
  const { now, rollout, spec } = situation;
  const { status } = rollout;
  const last = status.windows?.at(-1);
  const fresh = last !== undefined && (timeOf(last.time) ?? 0) > (timeOf(status.since) ?? now);
  if (fresh && last.verdict === "Pass")
    return recordAndFree(phaseDone(situation, status, "a later window met every level"));
  if (elapsed(now, status.since) > seconds(spec.rollout.progressDeadlineSeconds)) {
    const reason = `no verdict within ${spec.rollout.progressDeadlineSeconds} s: ${last?.message ?? "no window"}`;
    // Nothing speaks against the release, and nothing for it: not a case for quarantine.
    return goBack(situation, { cause: "Environment", reason }, status);
  }
  return waitFor(situation, {
    reason: "NoVerdict",
    message: `Phase ${status.phase ?? 1} has no verdict: ${last?.message ?? "no window"}. Send clients' traffic to the nodes, or mend what disturbs all of them`,
    who: "User",
    command: rolloutCommand(situation),
  });
}
