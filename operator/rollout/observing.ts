import { seconds } from "../../node/base/units.ts";
import type { RolloutStatus } from "../api/rollout.ts";
import { startFailure } from "./failure.ts";
import { noted, phaseStarted } from "./history.ts";
import { goBack } from "./incident.ts";
import { phaseCounts } from "./phases.ts";
import { tolerated } from "./quorum.ts";
import { isHealthy, reasonOf } from "./replace.ts";
import { podsCommand, record, rolloutCommand, type Situation, type Step, waitFor } from "./situation.ts";
import { elapsed, timeText } from "./time.ts";
import type { NodeView, View } from "./view.ts";

/**
 * Phase 0 of an upgrade: an observer of the new release follows the live chain. Until it has, without a break and with the
 * validators' results, no validator is touched.
 */
export function observing(situation: Situation): Step {
  const { now, rollout, spec, view } = situation;
  const { to } = rollout.spec;
  const { followsSince, ...status } = rollout.status;
  const { forerunner } = view;
  const differs = forerunner.podRevision === to.revision && hasOtherResults(view);
  if (differs)
    return goBack(
      situation,
      {
        cause: "Safety",
        reason: `an observer on ${to.version} came to other results than the validators; none of them was moved`,
      },
      rollout.status,
    );
  const failure = startFailure(situation, forerunner, true);
  if (failure !== undefined) return goBack(situation, failure, rollout.status);
  const follows = forerunner.podRevision === to.revision && !forerunner.stopping && isHealthy(forerunner);
  if (!follows && followsSince !== undefined)
    return record(situation, noted(status, now, "ObserverLost", `the observer on ${to.version} follows no more`));
  if (!follows)
    return waitFor(situation, {
      reason: "Observing",
      message: `Before any validator moves, an observer on ${to.version} has to follow the network${reasonOf(forerunner)}`,
      who: forerunner.problem === undefined ? "Operator" : "Platform",
      command: podsCommand(situation),
    });
  if (followsSince === undefined)
    return record(situation, {
      ...noted(status, now, "ObserverFollows", `from height ${forerunner.status?.height ?? 0}`),
      followsSince: timeText(now),
    });
  const watched = seconds(spec.rollout.observeSeconds);
  if (elapsed(now, followsSince) < watched || !isNews(forerunner, followsSince))
    return waitFor(situation, {
      reason: "Observing",
      message: `An observer on ${to.version} follows the network, and is watched for ${spec.rollout.observeSeconds} s before any validator moves`,
      who: "Operator",
      command: rolloutCommand(situation),
    });
  return record(situation, phaseOne(situation, rollout.status));
}

/** Either a final block said so, or its checkpoint has another root than the same one has at more validators than may lie. */
function hasOtherResults({ nodes, forerunner: { status } }: View): boolean {
  if (status === undefined) return false;
  const roots = nodes.flatMap((node) =>
    node.voting && node.status?.checkpoint.height === status.checkpoint.height ? node.status.checkpoint.stateRoot : [],
  );
  const others = roots.filter((root) => root !== status.checkpoint.stateRoot).length;
  return status.resultsDiffer === true || (others === roots.length && others > tolerated(nodes.length));
}

/** What was read says something of the time in which it followed. */
const isNews = ({ reading }: NodeView, since: string): boolean => (reading?.at ?? 0) > Date.parse(since);

function phaseOne({ now, rollout, spec }: Situation, status: RolloutStatus): RolloutStatus {
  const counts = phaseCounts(rollout.spec.phases, spec.validators.replicas);
  const passed = noted(status, now, "PhasePassed", "phase 0: the observer has followed with the validators' results");
  return phaseStarted(passed, now, 1, counts[0] ?? 0);
}
