import { LABELS } from "../api/group.ts";
import type { Action } from "../reconcile/actions.ts";
import { rebuildNoted } from "./damage.ts";
import { ended, noted } from "./history.ts";
import { quarantineOf } from "./incident.ts";
import { moveOrder, quorumServes, tolerated } from "./quorum.ts";
import { isHealthy, progressOf, reasonOf } from "./replace.ts";
import { podsCommand, record, rolloutCommand, type Situation, type Step, takeSlot, waitFor } from "./situation.ts";
import { timeText } from "./time.ts";
import type { NodeView } from "./view.ts";

/** Brings every node back to the previous release: isolate, replace one at a time, validate, close. */
export function rollingBack(situation: Situation): Step {
  const { rollout, view, slot, quarantine } = situation;
  const { from, to } = rollout.spec;
  const { rollbackCause } = rollout.status;
  // Recorded before anything else, so that no crash can end in a rollout of the same inputs.
  const guilty = rollbackCause === "Release" || rollbackCause === "Safety" || rollbackCause === "Aborted";
  if (guilty && !quarantine.some(({ revision }) => revision === to.revision))
    return { slot, acts: [], quarantine: quarantineOf(situation, rollout.status.rollbackReason ?? "") };
  const rebuilt = rebuildNoted(situation);
  if (rebuilt !== undefined) return record(situation, rebuilt);
  // A missing pod comes back on the previous release by itself; its return is part of the validation.
  const wrong = view.nodes.filter((node) => node.pod !== undefined && node.podRevision !== from.revision);
  const isolation = guilty ? isolate(situation, wrong) : [];
  const kind = rollbackCause === "Safety" ? "Safety" : "Rollback";
  const holder = slot === undefined ? undefined : view.nodes[slot.validator];
  if (holder !== undefined) {
    if (slot?.kind !== kind) return takeSlot({ kind, validator: holder.id, since: timeText(situation.now) });
    return restoring(situation, holder, wrong, isolation);
  }
  const [next] = moveOrder(wrong).toSorted((a, b) => Number(a.podReady) - Number(b.podReady));
  if (next !== undefined) return takeSlot({ kind, validator: next.id, since: timeText(situation.now) });
  return validate(situation);
}

function restoring(
  situation: Situation,
  node: NodeView,
  wrong: readonly NodeView[],
  isolation: readonly Action[],
): Step {
  const { rollout, view } = situation;
  const { from } = rollout.spec;
  const progress = progressOf(view, node, from.revision);
  if (progress.at === "done") return takeSlot(undefined);
  const acts = [...isolation, ...(progress.at === "acting" ? [progress.act] : [])];
  // Without a quorum nothing is lost by taking all at once that do not vote; those that do are left alone until it is back.
  const others = quorumServes(view) ? [] : wrong.filter((other) => other.id !== node.id && !votes(other));
  for (const other of others) {
    const further = progressOf(view, other, from.revision);
    if (further.at === "acting") acts.push(further.act);
  }
  return waitFor(
    situation,
    progress.at === "gate"
      ? {
          reason: "QuorumNotSpared",
          message: `Node ${node.id} stays on ${rollout.spec.to.version} for now: ${progress.why}. Bring the missing ones back`,
          who: "Platform",
          command: podsCommand(situation),
        }
      : {
          reason: "RollingBack",
          message: `Node ${node.id} goes back to ${from.version}${reasonOf(node)}`,
          who: node.problem === undefined ? "Operator" : "Platform",
          command: rolloutCommand(situation),
        },
    acts,
  );
}

const votes = (node: NodeView): boolean =>
  node.podReady && (node.status === undefined || node.status.state === "Voting");

/** Takes nodes on the failed release out of the clients' Service, never more than the cluster tolerates to lose. */
function isolate(situation: Situation, wrong: readonly NodeView[]): readonly Action[] {
  const serving = (node: NodeView) => node.pod?.metadata?.labels?.[LABELS.serving] !== "false";
  const already = situation.view.nodes.filter((node) => node.pod !== undefined && !serving(node)).length;
  const room = Math.max(0, tolerated(situation.view.nodes.length) - already);
  return wrong
    .filter((node) => node.podRevision === situation.rollout.spec.to.revision && !node.stopping && serving(node))
    .slice(0, room)
    .map((node) => ({
      type: "mark-pod",
      pod: node.pod?.metadata?.name ?? "",
      uid: node.podUid,
      labels: { [LABELS.serving]: "false" },
    }));
}

/** All nodes healthy on the previous release, and of one mind: then the rollback is over. */
function validate(situation: Situation): Step {
  const { now, rollout, view } = situation;
  const { status } = rollout;
  const sick = view.nodes.filter((node) => !isHealthy(node));
  const doubt =
    sick.length > 0
      ? `node ${sick.map(({ id }) => id).join(", ")} to be ready and caught up${sick[0] === undefined ? "" : reasonOf(sick[0])}`
      : disagreement(view.nodes);
  if (doubt !== undefined)
    return waitFor(situation, {
      reason: "Validating",
      message: `All nodes run ${rollout.spec.from.version} again; the rollback ends with ${doubt}`,
      who: sick.length > 0 ? "Platform" : "Operator",
      command: podsCommand(situation),
    });
  const state = status.rollbackCause === "Superseded" ? "Superseded" : "RolledBack";
  const closed = ended(
    noted(status, now, "Validated", "all nodes are ready and caught up, their checkpoint roots are equal"),
    now,
    state,
    `all nodes run ${rollout.spec.from.version}`,
  );
  const { incident } = closed;
  return record(
    situation,
    incident === undefined ? closed : { ...closed, incident: { ...incident, resolvedAt: timeText(now) } },
  );
}

/** Equal checkpoints at one height, or what is missing for it. */
function disagreement(nodes: readonly NodeView[]): string | undefined {
  const checkpoints = nodes.map((node) => node.status?.checkpoint);
  const [first] = checkpoints;
  for (const checkpoint of checkpoints) {
    if (first === undefined || checkpoint === undefined) return "a fresh reading of every node";
    if (checkpoint.height !== first.height) return "every node at the same checkpoint";
    if (checkpoint.stateRoot !== first.stateRoot)
      return `equal state roots, but at height ${checkpoint.height} they differ: stop clients and ask for help`;
  }
  return undefined;
}
