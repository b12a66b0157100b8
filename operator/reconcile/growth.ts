import type { V1PersistentVolumeClaim } from "@kubernetes/client-node";
import { isObserver, observerId, observerNumber } from "../../node/api/contract.ts";
import { seconds } from "../../node/base/units.ts";
import type { GrowthStatus } from "../api/growth.ts";
import { quantity } from "../api/quantity.ts";
import { claimName } from "../desired/names.ts";
import { volumeSize } from "../desired/stateful-set.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import { podsCommand, specCommand, type Wait } from "../rollout/situation.ts";
import { elapsed, timeText } from "../rollout/time.ts";
import type { NodeView, View } from "../rollout/view.ts";
import type { Action } from "./actions.ts";

/** A claim that the API server refused to enlarge is asked again after this time: its class may have been changed. */
const AGAIN = seconds(120);

/** What is recorded, and what to do on the strength of what was recorded before. */
export type Growing = {
  readonly status: GrowthStatus | undefined;
  readonly acts: readonly Action[];
  readonly wait?: Wait;
};

/**
 * Brings the volumes to the size in the spec, one at a time: the claim is asked, its storage enlarges the volume under the
 * running node, and the StatefulSet, whose claim template cannot change, is made anew around the pod. Which volumes take no
 * writes any more come first. `free`: nothing else is under way.
 */
export function grow(snapshot: Snapshot, view: View, free: boolean): Growing {
  const { cluster, now } = snapshot;
  const { size } = cluster.spec.storage;
  const status = cluster.status.growth;
  if (!free || cluster.spec.paused) return { status, acts: [] };
  const behind = [...view.nodes, ...view.observers].filter((node) => isBehind(snapshot, node, size));
  const growing = status === undefined ? undefined : memberOf(status);
  const node =
    behind.find(({ id }) => id === growing) ??
    behind.toSorted((a, b) => Number(isWritable(a)) - Number(isWritable(b)) || a.id - b.id)[0];
  if (node === undefined) return { status: undefined, acts: [] };
  if (status === undefined || growing !== node.id || status.size !== size)
    return { status: { ...named(node.id), size, since: timeText(now) }, acts: [] };
  const claim = claimOf(snapshot, node);
  const wait = (what: string): Wait => waiting(snapshot, { status, what });
  if (claim !== undefined && isLess(claim.spec?.resources?.requests?.storage, size)) {
    const refused = snapshot.claimFault !== "";
    if (status.askedAt !== undefined && elapsed(now, status.askedAt) < AGAIN)
      return {
        status,
        acts: [],
        wait: refused ? cannot(snapshot, status) : wait("its claim to be taken"),
      };
    const { name = "", uid = "", resourceVersion = "" } = claim.metadata ?? {};
    return {
      status: { ...status, askedAt: timeText(now) },
      acts: [{ type: "grow-claim", name, uid, resourceVersion, size }],
      wait: refused ? cannot(snapshot, status) : wait("its claim to be taken"),
    };
  }
  if (claim !== undefined && isLess(claim.status?.capacity?.storage, size)) {
    const pending = claim.status?.conditions?.find(({ type }) => type === "FileSystemResizePending");
    return {
      status,
      acts: [],
      wait: wait(
        pending === undefined
          ? "its storage"
          : "its file system, which some drivers enlarge only when its pod starts anew",
      ),
    };
  }
  const set = node.statefulSet?.metadata;
  const remade: Action = {
    ...{ type: "delete", apiVersion: "apps/v1", kind: "StatefulSet", orphan: true },
    ...{ name: set?.name ?? "", uid: set?.uid ?? "" },
  };
  return { status, acts: [remade], wait: wait("its StatefulSet to be made anew") };
}

/** Nothing is asked of a claim that is not there, or whose volume is gone. */
function isBehind(snapshot: Snapshot, node: NodeView, size: string): boolean {
  const claim = claimOf(snapshot, node);
  if (node.statefulSet === undefined || claim?.status?.phase !== "Bound") return false;
  const { requests } = claim.spec?.resources ?? {};
  const sizes = [requests?.storage, claim.status.capacity?.storage, volumeSize(node.statefulSet)];
  return sizes.some((one) => isLess(one, size));
}

function claimOf({ claims }: Snapshot, { statefulSet }: NodeView): V1PersistentVolumeClaim | undefined {
  const name = claimName(statefulSet?.metadata?.name ?? "");
  return claims.find(({ metadata }) => metadata?.name === name);
}

const named = (id: number): Pick<GrowthStatus, "validator" | "observer"> =>
  isObserver(id) ? { observer: observerNumber(id) } : { validator: id };
const memberOf = ({ validator, observer }: GrowthStatus): number | undefined =>
  observer === undefined ? validator : observerId(observer);
const nameIn = ({ validator, observer }: GrowthStatus): string =>
  observer === undefined ? `validator ${validator}` : `observer ${observer}`;

/** A size that is not told is not less. */
function isLess(actual: string | undefined, wanted: string): boolean {
  if (actual === wanted) return false;
  const [a, b] = [quantity(actual), quantity(wanted)];
  return a !== undefined && b !== undefined && a < b;
}

const isWritable = ({ status }: NodeView): boolean => status?.storage.writable !== false;

const waiting = ({ cluster }: Snapshot, { status, what }: { status: GrowthStatus; what: string }): Wait => ({
  reason: "VolumesGrowing",
  message: `Volumes grow to ${status.size}, one at a time: that of ${nameIn(status)} waits for ${what}`,
  who: "Platform",
  command: podsCommand({ cluster: cluster.metadata.name, namespace: cluster.metadata.namespace }),
});

const cannot = ({ cluster, claimFault }: Snapshot, status: GrowthStatus): Wait => ({
  reason: "VolumesCannotGrow",
  message: `The volume of ${nameIn(status)} cannot grow to ${status.size}: ${claimFault}. If its storage can, set allowVolumeExpansion: true on the StorageClass; it is asked again every ${AGAIN / 1000} s`,
  who: "User",
  command: specCommand({ cluster: cluster.metadata.name, namespace: cluster.metadata.namespace }),
});
