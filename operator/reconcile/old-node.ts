import type { V1StatefulSet } from "@kubernetes/client-node";
import { seconds } from "../../node/base/units.ts";
import { LABELS } from "../api/group.ts";
import { incarnationOn } from "../api/replacement.ts";
import { podName } from "../desired/names.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import { elapsed } from "../rollout/time.ts";
import type { NodeView } from "../rollout/view.ts";
import type { Action } from "./actions.ts";
import { isNotStarted } from "./loss.ts";

/** A kubelet that has not ended a pod this long after its grace period is not there. */
const FORCE_AFTER = seconds(30);

/** StatefulSets and pods of a validator on other volumes than the one that counts. */
export type Others = { readonly sets: readonly V1StatefulSet[]; readonly pods: Snapshot["pods"] };

export function othersOf({ statefulSets, pods }: Snapshot, { id, incarnation }: NodeView): Others {
  const isOther = ({ metadata }: V1StatefulSet | Snapshot["pods"][number]): boolean =>
    metadata?.labels?.[LABELS.validator] === String(id) && incarnationOn(metadata.labels) !== incarnation;
  return { sets: statefulSets.filter(isOther), pods: pods.filter(isOther) };
}

/** `NotStarted`: only those whose pods run nothing, and would keep a host from the new one. */
export const stopping = (snapshot: Snapshot, { sets, pods }: Others, which: "All" | "NotStarted"): readonly Action[] =>
  sets.flatMap(({ metadata, spec }): readonly Action[] => {
    const { name = "", uid = "", resourceVersion = "" } = metadata ?? {};
    const pod = pods.find((candidate) => candidate.metadata?.name === podName(name));
    const stops = which === "All" || (pod !== undefined && isNotStarted(snapshot, pod));
    return stops && spec?.replicas !== 0 ? [{ type: "stop-set", name, uid, resourceVersion }] : [];
  });

/** Of stopped sets: a pod whose host does not end it goes by force, and with the pod gone the set goes. */
export const removal = ({ now }: Snapshot, { sets, pods }: Others): readonly Action[] =>
  sets
    .filter(({ spec }) => spec?.replicas === 0)
    .flatMap(({ metadata }): readonly Action[] => {
      const { name = "", uid = "" } = metadata ?? {};
      const pod = pods.find((candidate) => candidate.metadata?.name === podName(name))?.metadata;
      if (pod === undefined) return [{ type: "delete", apiVersion: "apps/v1", kind: "StatefulSet", name, uid }];
      // Its deletionTimestamp is the end of its grace period.
      const late = pod.deletionTimestamp !== undefined && elapsed(now, String(pod.deletionTimestamp)) >= FORCE_AFTER;
      return late ? [{ type: "delete-pod", pod: pod.name ?? "", uid: pod.uid ?? "", force: true }] : [];
    });
