import { type Millis, seconds } from "../../node/base/units.ts";
import type { Incident } from "../api/rollout.ts";
import { nodeName } from "../desired/names.ts";
import { isEnvironment } from "./problem.ts";
import { isHealthy, reasonOf } from "./replace.ts";
import type { Situation } from "./situation.ts";
import { elapsed, timeOf } from "./time.ts";
import type { NodeView } from "./view.ts";

export type Failure = { readonly cause: Incident["cause"]; readonly reason: string; readonly validator: number };

/**
 * Why the release does not start on a node that was moved to it; undefined while there is hope. Only the node in flight
 * answers for its surroundings: a node that ran already and was drained is the platform's to bring back.
 */
export function startFailure(situation: Situation, node: NodeView, inFlight: boolean): Failure | undefined {
  const { problem } = node;
  const { progressDeadlineSeconds } = situation.spec.rollout;
  const isAsked = node.templateRevision === situation.rollout.spec.to.revision;
  if (inFlight && isAsked && node.pod === undefined && overdue(situation, node))
    return {
      cause: "Environment",
      reason: `${nodeName(node.id)} has no pod after ${progressDeadlineSeconds} s: Kubernetes makes none, for want of a quota or a PriorityClass, or by a policy. Its StatefulSet's events say why`,
      validator: node.id,
    };
  if (node.podRevision !== situation.rollout.spec.to.revision || node.stopping) return undefined;
  if (problem?.established && (inFlight || !isEnvironment(problem.kind)))
    return {
      cause: isEnvironment(problem.kind) ? "Environment" : "Release",
      reason: `${nodeName(node.id)}: ${problem.message}`,
      validator: node.id,
    };
  // One that has arrived waits for something else: a pause, a person.
  if (!inFlight || isHealthy(node) || !overdue(situation, node)) return undefined;
  const started = node.pod?.status?.containerStatuses?.some(({ state }) => state?.running !== undefined) ?? false;
  const blameless = !started || (problem !== undefined && isEnvironment(problem.kind));
  return {
    cause: blameless ? "Environment" : "Release",
    reason: `${nodeName(node.id)} was not ready after ${progressDeadlineSeconds} s${reasonOf(node)}`,
    validator: node.id,
  };
}

/** The deadline counts from the last progress or from the pod's making, whichever is later. */
function overdue(situation: Situation, node: NodeView): boolean {
  const made = node.pod === undefined ? 0 : (timeOf(node.pod.metadata?.creationTimestamp) ?? situation.now);
  const waited: Millis = elapsed(situation.now, situation.rollout.status.progressAt);
  const deadline = seconds(situation.spec.rollout.progressDeadlineSeconds);
  return waited > deadline && situation.now - made > deadline;
}
