import { assert } from "../../node/base/assert.ts";
import type { Disruption, Quarantined } from "../api/cluster.ts";
import { API_VERSION } from "../api/group.ts";
import type { Release, RolloutSpec } from "../api/rollout.ts";
import { ownedMetadata } from "../desired/metadata.ts";
import { rolloutName } from "../desired/names.ts";
import type { StoredRevision } from "../desired/revision.ts";
import { specFault } from "../desired/spec-fault.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import { holdOf, turnOf } from "../rollout/hold.ts";
import { repair } from "../rollout/repair.ts";
import { podsCommand, specCommand, type Wait } from "../rollout/situation.ts";
import { suspendedUntil } from "../rollout/start.ts";
import { timeText } from "../rollout/time.ts";
import type { View } from "../rollout/view.ts";
import type { Action } from "./actions.ts";

export type Idle = {
  readonly slot: Disruption | undefined;
  /** Carried out after the status is recorded, if the slot is as recorded. */
  readonly acts: readonly Action[];
  readonly wait?: Wait;
};

const NO_RELEASE: Release = { revision: "", version: "", image: "" };

/** What there is to do while no rollout is active: begin one, wait for what forbids it, or repair. */
export function idle(
  snapshot: Snapshot,
  view: View,
  stored: ReadonlyMap<string, StoredRevision>,
  facts: {
    readonly target: string;
    readonly current: string;
    readonly quarantine: readonly Quarantined[];
    /** A new word in spec.retry: what was suspended is tried at once. */
    readonly retrying: boolean;
  },
): Idle {
  const { cluster, now } = snapshot;
  const { target, current } = facts;
  const who = { cluster: cluster.metadata.name, namespace: cluster.metadata.namespace };
  const command = specCommand(who);
  if (cluster.spec.paused)
    return {
      slot: cluster.status.disruption,
      acts: [],
      ...(target === current
        ? {}
        : {
            wait: { reason: "Paused", message: "spec.paused is true: set it to false to go on", who: "User", command },
          }),
    };
  const hold = holdOf(cluster, snapshot.fleet, now);
  const frozen = hold?.keeps === "Everything";
  const slot = cluster.status.disruption;
  const mending =
    current === "" ? { slot: undefined, acts: [] } : frozen ? { slot, acts: [] } : repair(view, current, slot, now);
  if (target === current || mending.slot !== undefined) return mending;
  const bad = facts.quarantine.find(({ revision }) => revision === target);
  if (bad !== undefined)
    return {
      ...mending,
      wait: {
        reason: "Quarantined",
        message: `These inputs were rolled back and are not tried again: ${bad.reason}. Change version, image or environment, or set spec.retry to a new word`,
        who: "User",
        command,
      },
    };
  const until = suspendedUntil(snapshot.rollouts, target);
  if (until !== undefined && until > now && !facts.retrying)
    return {
      ...mending,
      wait: {
        reason: "Suspended",
        message: `${cluster.spec.version} could not start for reasons outside of it and is tried again at ${timeText(until)}. Mend the cause (see the last HmnRollout) or change the spec`,
        who: "Platform",
        command: podsCommand(who),
      },
    };
  // What is wrong stands in status; nothing begins on the strength of it. Without certificates no node starts.
  const uncertified = snapshot.authority === undefined && snapshot.given?.ok === false;
  if (!stored.has(target) || specFault(cluster.spec) !== undefined || (current === "" && uncertified)) return mending;
  if (current !== "" && !stored.has(current))
    return {
      ...mending,
      wait: {
        reason: "RevisionMissing",
        message: `ControllerRevision ${cluster.metadata.name}-${current}, the way back, is gone: restore it before anything new is rolled out`,
        who: "User",
        command: `kubectl get controllerrevisions -n ${who.namespace} -l hmn.dev/cluster=${who.cluster}`,
      },
    };
  // A first deployment takes nobody's service away: neither windows nor the fleet's limit hold it.
  const wait = current === "" ? (frozen ? hold.wait : undefined) : (hold?.wait ?? turnOf(cluster, snapshot.fleet));
  if (wait !== undefined) return { ...mending, wait };
  return { ...mending, acts: [...mending.acts, begin(snapshot, stored, target, current)] };
}

function begin(
  snapshot: Snapshot,
  stored: ReadonlyMap<string, StoredRevision>,
  target: string,
  current: string,
): Action {
  const { cluster, rollouts } = snapshot;
  const { name } = cluster.metadata;
  const number = Math.max(cluster.status.lastRolloutNumber ?? 0, ...rollouts.map(({ spec }) => spec.number)) + 1;
  const release = (revision: string): Release => {
    const inputs = stored.get(revision)?.inputs;
    assert(inputs !== undefined, "a release is stored before it is rolled out");
    return { revision, version: inputs.version, image: inputs.image.reference };
  };
  const spec: RolloutSpec = {
    cluster: name,
    clusterUID: cluster.metadata.uid,
    number,
    kind: current === "" ? "FirstDeployment" : "Upgrade",
    from: current === "" ? NO_RELEASE : release(current),
    to: release(target),
    phases: cluster.spec.rollout.phases,
  };
  return {
    type: "create",
    object: {
      apiVersion: API_VERSION,
      kind: "HmnRollout",
      metadata: ownedMetadata(cluster, rolloutName(name, number)),
      spec,
    },
  };
}
