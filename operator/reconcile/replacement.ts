import { unreachable } from "../../node/base/assert.ts";
import { seconds } from "../../node/base/units.ts";
import type { Incarnation, ReplacementStatus } from "../api/replacement.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import { damagedTogether } from "../rollout/damage.ts";
import { holdOf } from "../rollout/hold.ts";
import { gate, quorumServes } from "../rollout/quorum.ts";
import { reasonOf } from "../rollout/replace.ts";
import { podsCommand, specCommand, type Wait } from "../rollout/situation.ts";
import { activeRollout } from "../rollout/start.ts";
import { elapsed, timeText } from "../rollout/time.ts";
import { isReady, type NodeView, type View } from "../rollout/view.ts";
import type { Action } from "./actions.ts";
import { hasLostKey, heardBy, type Loss, lossOf } from "./loss.ts";
import { othersOf, removal, stopping } from "./old-node.ts";
import { entryOf, isOrderDue, messenger, nextSerial } from "./ordering.ts";

/** What is recorded, and what to do on the strength of what was recorded before. */
export type Replacing = {
  readonly status: ReplacementStatus | undefined;
  readonly incarnations: readonly Incarnation[];
  readonly acts: readonly Action[];
  readonly wait?: Wait;
};

/**
 * Gives a validator that has lost its volume, its host, its data or its vote key a new key, one validator at a time (domain.md: "A lost
 * vote key"). A second StatefulSet starts an observer on a new volume, which makes the key; the operator orders the
 * replacement; the members agree once the old key was silent for two epochs, so it never votes beside the new one. Nobody
 * is taken down for it, so it needs no slot; only a quorum, which has to order.
 */
export function replaceLost(snapshot: Snapshot, view: View): Replacing {
  const { cluster } = snapshot;
  const { replacement: status, incarnations = [] } = cluster.status;
  const rest: Replacing = { status, incarnations, acts: [] };
  const held = holdOf(cluster, snapshot.fleet, snapshot.now)?.keeps === "Everything";
  if (view.voters.length === 0 || cluster.spec.paused || held) return rest;
  if (status === undefined) return found(snapshot, view, rest);
  const node = view.nodes[status.validator];
  // It left the set meanwhile: there is no vote to give back.
  if (node === undefined || node.weight === 0) return done(rest, status);
  switch (status.step) {
    case "Lost":
      return lost(snapshot, view, rest, { status, node });
    case "Start":
    case "Order":
    case "Boundary":
      return replacing(snapshot, view, rest, { status, node });
    case "Retire":
      return retiring(snapshot, rest, { status, node });
    default:
      return unreachable(status.step);
  }
}

type One = { readonly status: ReplacementStatus; readonly node: NodeView };

function found(snapshot: Snapshot, view: View, rest: Replacing): Replacing {
  const keyless = view.nodes.find((node) => hasLostKey(view, node));
  if (keyless !== undefined) return { ...rest, status: seen(snapshot, keyless, "KeyLost", "Order") };
  const losses = view.nodes.flatMap((node) => {
    const loss = lossOf(snapshot, node);
    return loss === undefined ? [] : [{ node, loss }];
  });
  // Who waits for a person keeps nobody else waiting.
  const first = losses.find(({ loss }) => policyOf(snapshot, loss.cause).policy === "After") ?? losses[0];
  return first === undefined ? rest : { ...rest, status: seen(snapshot, first.node, first.loss.cause, "Lost") };
}

const seen = (
  { now }: Snapshot,
  { id, incarnation }: NodeView,
  cause: ReplacementStatus["cause"],
  step: "Lost" | "Order",
): ReplacementStatus => ({ validator: id, cause, step, since: timeText(now), incarnation });

function lost(snapshot: Snapshot, view: View, rest: Replacing, { status, node }: One): Replacing {
  const loss = lossOf(snapshot, node);
  if (loss === undefined) return { ...rest, status: undefined };
  const { policy, afterSeconds } = policyOf(snapshot, loss.cause);
  const told = { ...status, cause: loss.cause };
  const wait = (what: string, who: Wait["who"] = "Operator"): Replacing => ({
    ...{ ...rest, status: told },
    wait: waiting(snapshot, told, `${loss.message}; ${what}`, who),
  });
  if (policy === "Never") {
    const other = found(snapshot, view, rest).status;
    if (other !== undefined && other.validator !== node.id) return { ...rest, status: other };
    const field = loss.cause === "DataDamaged" ? "rebuildDamaged" : "replaceLostVolumes";
    return wait(
      `it stays away until that is mended, or until spec.storage.${field}.policy is After: then it begins anew on a new volume`,
      "User",
    );
  }
  const together = loss.cause === "DataDamaged" ? damagedTogether(view) : [];
  if (together.length > 0)
    return { ...rest, status: told, wait: tooMany(snapshot, together.join(", "), view.nodes.length) };
  if (!isOver(snapshot, told))
    return wait(`given up ${afterSeconds} s after ${status.since}, if it is not back by then`);
  if (!quorumServes(view)) return wait("nothing is replaced without a quorum: bring the others back", "Platform");
  const hears = heardBy(view, node.id);
  if (hears.length > 0) return wait(`not given up, since validator ${hears.join(", ")} still hears it`, "Platform");
  return { ...rest, status: begun(snapshot, told) };
}

/** On the next incarnation, from the start. */
const begun = ({ now }: Snapshot, { validator, cause, incarnation }: ReplacementStatus): ReplacementStatus => ({
  ...{ validator, cause, step: "Start", since: timeText(now), incarnation: incarnation + 1 },
});

function replacing(snapshot: Snapshot, view: View, rest: Replacing, { status, node }: One): Replacing {
  const others = othersOf(snapshot, node);
  const at = (step: ReplacementStatus["step"]): Replacing => ({ ...rest, status: next(snapshot, status, step) });
  if (node.voting) return others.sets.length === 0 ? done(rest, status) : at("Retire");
  const back = others.pods.some((pod) => isReady(pod) && pod.metadata?.deletionTimestamp === undefined);
  const ordered = status.orderedAt !== undefined;
  // Until the order is given, who comes back with the old key is as good as ever.
  if (back && !ordered) return { ...rest, status: undefined };
  // From then on there is no way back: the old one must not break the silence that the members wait for.
  const spared = gate(view, node.id) === undefined;
  // What its own node refuses comes back no more, and its host may be wanted for the new one.
  const refused = status.cause === "DataDamaged" && !back;
  const acts = stopping(snapshot, others, refused || (back && spared) ? "All" : "NotStarted");
  const wait = (what: string, who?: Wait["who"]): Replacing => ({
    ...{ ...rest, acts },
    wait: waiting(snapshot, status, what, who),
  });
  const loss = lossOf(snapshot, node);
  if (loss !== undefined && status.cause === "KeyLost")
    return { ...rest, status: seen(snapshot, node, loss.cause, "Lost") };
  // Volume after volume would be no cure for a host or a release that damages each.
  if (loss?.cause === "DataDamaged")
    return wait(
      `on its new volume as well, so that its host or its release is to blame: ${loss.message}. Mend that, then delete the new claim and pod`,
      "User",
    );
  // The new volume or its host may be lost as well.
  if (loss !== undefined && isOver(snapshot, { ...status, cause: loss.cause }))
    return { ...rest, status: begun(snapshot, status) };
  if (!node.caughtUp) return wait(`its node starts on a new volume and catches up${reasonOf(node)}`);
  if (status.step === "Start") return at("Order");
  const key = node.status?.publicKey;
  if (view.voters.some(({ id, publicKey }) => id === node.id && publicKey === key))
    return wait("its new key is committed, and its first vote is due");
  const entry = entryOf(view, node.id);
  const asked = entry?.replacement === key;
  if (status.step === "Boundary")
    return asked || entry === undefined
      ? wait("the new key is ordered: the members agree once the old one was silent for two epochs")
      : at("Order");
  if (asked) return at("Boundary");
  const serial = nextSerial(view);
  const through = messenger(view, node.id);
  const { chainId } = node.status ?? {};
  // A release that does not tell what was ordered would have it ordered over and over, and each order asks the members anew.
  if (entry?.replacement === undefined || serial === undefined || through === undefined || !chainId || !key)
    return wait("it and the others have to be readable, and tell of replacements: older releases do not");
  const waited = wait(`the order for its new key has to be executed${snapshot.orderFault}`);
  if (!isOrderDue(snapshot.now, status.orderedAt)) return waited;
  const order: Action = {
    ...{ type: "order", validator: node.id, chainId, through },
    order: { kind: "replace", voteKey: key, serial },
  };
  return { ...waited, status: { ...status, orderedAt: timeText(snapshot.now) }, acts: [...acts, order] };
}

/** Long enough lost to be given up. What a rollback leaves damaged keeps it from its end, and nothing is gained by waiting. */
function isOver(snapshot: Snapshot, { since, cause }: Pick<ReplacementStatus, "since" | "cause">): boolean {
  const { policy, afterSeconds } = policyOf(snapshot, cause);
  const returning = cause === "DataDamaged" && activeRollout(snapshot.rollouts)?.status.state === "RollingBack";
  return policy === "After" && (returning || elapsed(snapshot.now, since) >= seconds(afterSeconds));
}

const policyOf = ({ cluster: { spec } }: Snapshot, cause: Loss["cause"]) =>
  cause === "DataDamaged" ? spec.storage.rebuildDamaged : spec.storage.replaceLostVolumes;

/** The new key votes: what is left of the old node goes, and only now what may still have run unseen. */
function retiring(snapshot: Snapshot, rest: Replacing, { status, node }: One): Replacing {
  const others = othersOf(snapshot, node);
  if (others.sets.length === 0) return done(rest, status);
  return {
    ...rest,
    acts: [...stopping(snapshot, others, "All"), ...removal(snapshot, others)],
    wait: waiting(snapshot, status, "it votes with its new key, and what is left of its old node is removed"),
  };
}

function done({ incarnations }: Replacing, { validator, incarnation }: ReplacementStatus): Replacing {
  const others = incarnations.filter((known) => known.validator !== validator);
  const reached = incarnation === 0 ? others : [...others, { validator, incarnation }];
  return { status: undefined, incarnations: reached.toSorted((a, b) => a.validator - b.validator), acts: [] };
}

const next = ({ now }: Snapshot, status: ReplacementStatus, step: ReplacementStatus["step"]): ReplacementStatus => ({
  ...status,
  ...{ step, since: timeText(now) },
});

const WHAT = {
  VolumeLost: "has lost its volume",
  HostLost: "has lost its host",
  KeyLost: "has lost its vote key",
  DataDamaged: "has damaged data",
} as const;

function waiting(
  { cluster }: Snapshot,
  { validator, cause, step }: ReplacementStatus,
  what: string,
  who: Wait["who"] = "Operator",
): Wait {
  const { name, namespace } = cluster.metadata;
  return {
    reason: step === "Lost" ? cause : "Replacing",
    message: `Validator ${validator} ${WHAT[cause]}: ${what}`,
    who,
    command: (who === "User" ? specCommand : podsCommand)({ cluster: name, namespace }),
  };
}

const tooMany = ({ cluster }: Snapshot, which: string, size: number): Wait => ({
  reason: "TooManyDamaged",
  message: `Data of validators ${which} is damaged at once, more than ${size} of them tolerate: that is no chance, and none is rebuilt. Keep their volumes and find the cause: the release, the hosts, the storage. What is mended comes back by itself; for a network that is lost there is spec.restoreFrom, in a new HmnCluster`,
  who: "User",
  command: podsCommand({ cluster: cluster.metadata.name, namespace: cluster.metadata.namespace }),
});
