import { type Millis, seconds } from "../../node/base/units.ts";
import type { ClusterSpec, ClusterStatus } from "../api/cluster.ts";
import type { RolloutSpec } from "../api/rollout.ts";
import type { RolloutObject } from "../observe/snapshot.ts";
import { isActive } from "./history.ts";
import { timeOf } from "./time.ts";

const BACKOFF_FIRST = seconds(60);
const BACKOFF_MAX = seconds(30 * 60);

export const activeRollout = (rollouts: readonly RolloutObject[]): RolloutObject | undefined =>
  rollouts.findLast((rollout) => isActive(rollout.status));

/** The last inputs that all nodes ran and that were judged good. Read from the records, so that a crash after the last one loses nothing. */
export function currentRelease(
  rollouts: readonly RolloutObject[],
  status: ClusterStatus,
): { readonly revision: string; readonly version: string } {
  const last = rollouts.findLast((rollout) => rollout.status.state === "Succeeded");
  return last === undefined
    ? { revision: status.currentRevision ?? "", version: status.currentVersion ?? "" }
    : { revision: last.spec.to.revision, version: last.spec.to.version };
}

/** A release that failed for reasons outside of it is tried again, each time after twice the wait. Undefined: now. */
export function suspendedUntil(rollouts: readonly RolloutObject[], revision: string): Millis | undefined {
  let failures = 0;
  let last: Millis | undefined;
  for (const { spec, status } of rollouts.toReversed()) {
    if (spec.to.revision !== revision || status.state !== "RolledBack" || status.rollbackCause !== "Environment") break;
    failures += 1;
    last ??= timeOf(status.completionTime);
  }
  if (last === undefined) return undefined;
  return (last + Math.min(BACKOFF_FIRST * 2 ** (failures - 1), BACKOFF_MAX)) as Millis;
}

/** Whether upgrades begin with an observer: one of a restored network would need its backup, too. */
export const asksForObserver = ({ rollout, restoreFrom }: ClusterSpec): boolean =>
  rollout.observeSeconds > 0 && restoreFrom === undefined;

/** An observer of the new release follows before any validator is moved. */
export const isObserving = (active: Pick<RolloutObject, "status"> | undefined): boolean =>
  active?.status.phase === 0 && active.status.state !== "RollingBack";

/** The revision of the observers that the spec asks for: they move with phase 1, once the new release was followed. Undefined: none yet. */
export function observersRevision(active: RolloutObject | undefined, current: string): string | undefined {
  const orNone = (revision: string) => (revision === "" ? undefined : revision);
  if (active === undefined) return orNone(current);
  const { spec, status } = active;
  const before = status.state === undefined || status.state === "RollingBack" || isObserving(active);
  return orNone(spec.kind === "Upgrade" && before ? spec.from.revision : spec.to.revision);
}

/**
 * The revision that a node's StatefulSet shall have, from records alone: a node is on the new release once it is listed as
 * moved, and on the old one as soon as the rollout goes back. Undefined: the node has none yet, or keeps what it has.
 */
export function assignedRevision(
  active: { readonly spec: RolloutSpec; readonly status: RolloutObject["status"] } | undefined,
  current: string,
  validator: number,
): string | undefined {
  const orNone = (revision: string) => (revision === "" ? undefined : revision);
  if (active === undefined) return orNone(current);
  const { from, to } = active.spec;
  if (active.status.state === "RollingBack") return orNone(from.revision);
  return (active.status.moved ?? []).includes(validator) ? to.revision : orNone(from.revision);
}
