import { seconds } from "../../node/base/units.ts";
import type { RolloutStatus } from "../api/rollout.ts";
import type { Action } from "../reconcile/actions.ts";
import { startFailure } from "./failure.ts";
import { inState, noted, phaseStarted } from "./history.ts";
import { straysOf } from "./image-pin.ts";
import { held } from "./incident.ts";
import { moving, phaseCount, soakBegun } from "./moving.ts";
import { phaseCounts } from "./phases.ts";
import { gate, quorumServes } from "./quorum.ts";
import { isHealthy, progressOf, reasonOf } from "./replace.ts";
import { podsCommand, record, type Situation, type Step, waitFor } from "./situation.ts";
import { elapsed, timeText } from "./time.ts";
import type { NodeView } from "./view.ts";

/**
 * Brings nodes up phase by phase. Until a genesis exists a phase is passed when its nodes have started and shown their keys:
 * nobody can be ready without peers. Once a quorum serves (a first deployment begun anew on other inputs), nodes move
 * like in an upgrade.
 */
export function deploying(situation: Situation): Step {
  const { now, rollout, view } = situation;
  const { status } = rollout;
  const moved = status.moved ?? [];
  const count = phaseCount(situation);
  const complete = moved.length >= view.nodes.length && view.nodes.every((node) => onRelease(situation, node));
  if ((quorumServes(view) && !complete) || situation.slot !== undefined)
    return unlisted(situation) ?? moving(situation);
  const { hold } = situation;
  if (moved.length < count) {
    if (hold?.keeps === "Everything") return waitFor(situation, hold.wait);
    const added = view.nodes.filter((node) => !moved.includes(node.id)).slice(0, count - moved.length);
    const ids = added.map(({ id }) => id);
    const next = noted(status, now, "NodesStarting", `phase ${status.phase ?? 1}: node ${ids.join(", ")}`);
    return record(situation, { ...next, moved: [...moved, ...ids], progressAt: timeText(now) });
  }
  const ours = view.nodes.filter((node) => moved.includes(node.id));
  const missing = ours.filter((node) => !hasShownKey(situation, node));
  if (missing.length === 0 && count < view.nodes.length) return record(situation, nextPhase(situation, status));
  if (missing.length === 0 && view.nodes.every(isHealthy)) return record(situation, soakBegun(situation, status));
  return failed(situation, ours) ?? starting(situation, missing);
}

/** Listed while no quorum was seen, and needed by the one that serves: those that do not vote go first, as in an upgrade. */
function unlisted(situation: Situation): Step | undefined {
  const { rollout, view, slot } = situation;
  const moved = rollout.status.moved ?? [];
  const isNeeded = (node: NodeView | undefined): boolean =>
    node?.voting === true && !onRelease(situation, node) && gate(view, node.id) !== undefined;
  const stay = moved.filter((id) => !isNeeded(view.nodes[id]));
  return slot !== undefined || stay.length === moved.length
    ? undefined
    : record(situation, { ...rollout.status, moved: stay });
}

const onRelease = ({ rollout }: Situation, node: NodeView): boolean => node.podRevision === rollout.spec.to.revision;

/** Started on the release, reachable under its own identity, with a key made. */
function hasShownKey(situation: Situation, node: NodeView): boolean {
  const { status } = node;
  return (
    onRelease(situation, node) &&
    !node.stopping &&
    status !== undefined &&
    status.validator === node.id &&
    status.network === situation.spec.network
  );
}

function nextPhase(situation: Situation, status: RolloutStatus): RolloutStatus {
  const { now, rollout, spec } = situation;
  const counts = phaseCounts(rollout.spec.phases, spec.validators.replicas);
  const done = status.phase ?? 1;
  let next = noted(status, now, "PhasePassed", `phase ${done}: its nodes have started and shown their keys`);
  let phase = done + 1;
  while (phase < counts.length && (counts[phase - 1] ?? 0) <= (counts[phase - 2] ?? 0)) {
    next = noted(next, now, "PhaseSkipped", `phase ${phase} adds no node`);
    phase += 1;
  }
  return phaseStarted(next, now, phase, counts[phase - 1] ?? 0);
}

function starting(situation: Situation, missing: readonly NodeView[]): Step {
  const { view, rollout } = situation;
  const acts: Action[] = [];
  // Nodes of an abandoned first attempt: no quorum serves, so all may go at once.
  for (const node of situation.hold?.keeps === "Everything" ? [] : view.nodes) {
    if (node.pod === undefined || onRelease(situation, node) || !(rollout.status.moved ?? []).includes(node.id))
      continue;
    const progress = progressOf(view, node, rollout.spec.to.revision);
    if (progress.at === "acting") acts.push(progress.act);
  }
  const first = missing[0] ?? view.nodes.find((node) => !isHealthy(node));
  return waitFor(
    situation,
    missing.length > 0
      ? {
          reason: "NodesStarting",
          message: `Node ${missing.map(({ id }) => id).join(", ")} is starting${first === undefined ? "" : reasonOf(first)}`,
          who: first?.problem === undefined ? "Operator" : "Platform",
          command: podsCommand(situation),
        }
      : {
          reason: "FirstQuorum",
          message: `All nodes have started; the network begins when they have the genesis and are ready${first === undefined ? "" : reasonOf(first)}`,
          who: "Operator",
          command: podsCommand(situation),
        },
    acts,
  );
}

function failed(situation: Situation, ours: readonly NodeView[]): Step | undefined {
  const failure = ours.map((node) => startFailure(situation, node, true)).find((found) => found !== undefined);
  const late =
    elapsed(situation.now, situation.rollout.status.progressAt) >
    seconds(situation.spec.rollout.progressDeadlineSeconds);
  if (failure === undefined && !late) return undefined;
  const sick = ours.find((node) => !isHealthy(node));
  const reason =
    failure?.reason ??
    `no progress in ${situation.spec.rollout.progressDeadlineSeconds} s${sick === undefined ? "" : reasonOf(sick)}`;
  return record(situation, held(situation, situation.rollout.status, reason));
}

export function holding(situation: Situation): Step {
  const { now, rollout, view } = situation;
  const moved = rollout.status.moved ?? [];
  const lastWindow = rollout.status.windows?.at(-1)?.verdict;
  const mended =
    straysOf(situation).length === 0 &&
    view.nodes.every((node) => !moved.includes(node.id) || hasShownKey(situation, node)) &&
    (moved.length < view.nodes.length || rollout.status.windows === undefined || view.nodes.every(isHealthy)) &&
    (lastWindow === undefined || lastWindow === "Pass" || lastWindow === "NoData");
  if (mended) {
    const next = noted(inState(rollout.status, now, "Moving"), now, "Resumed", "the cause is gone");
    return record(situation, { ...next, rollbackReason: "", consecutiveFailures: 0 });
  }
  return waitFor(situation, {
    reason: "FirstDeploymentFailed",
    message:
      `The first deployment failed: ${rollout.status.rollbackReason ?? ""}. Mend the cause or change the spec; volumes are kept`.slice(
        0,
        1024,
      ),
    who: "User",
    command: podsCommand(situation),
  });
}
