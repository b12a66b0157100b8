import { isObserver } from "../../node/api/contract.ts";
import { LABELS } from "../api/group.ts";
import { memberOfLeaf, podName } from "../desired/names.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import type { View } from "../rollout/view.ts";
import type { Action } from "./actions.ts";
import { removal } from "./observers.ts";
import { othersOf } from "./old-node.ts";

/** Objects of validators that are not run any more. Their volumes go or stay as their StatefulSets say. */
export function leftovers(snapshot: Snapshot, view: View): readonly Action[] {
  const { cluster, statefulSets, services, secrets, pods } = snapshot;
  const { name } = cluster.metadata;
  const size = cluster.spec.validators.replicas;
  const isLeft = (id: number) => id >= size && !view.voters.some((voter) => voter.id === id);
  const ofNobody = (object: { metadata?: { labels?: Record<string, string> } }) =>
    isLeft(Number(object.metadata?.labels?.[LABELS.validator] ?? -1));
  const isLeaf = (secret: string): boolean => {
    const id = memberOfLeaf(name, secret);
    return id !== undefined && !isObserver(id) && isLeft(id);
  };
  // A replacement that was taken back. Whose pod the budget counts is nobody's leftover, whatever the status says.
  const counted = (set: string): boolean =>
    pods.some(({ metadata }) => metadata?.name === podName(set) && metadata.labels?.[LABELS.voter] === "true");
  const takenBack = view.nodes
    .filter(({ id }) => cluster.status.replacement?.validator !== id)
    .flatMap((node) => othersOf(snapshot, node).sets)
    .filter(({ metadata }) => !counted(metadata?.name ?? ""));
  return [
    ...takenBack.flatMap((object) => removal("apps/v1", "StatefulSet", object)),
    ...statefulSets.filter(ofNobody).flatMap((object) => removal("apps/v1", "StatefulSet", object)),
    ...services.filter(ofNobody).flatMap((object) => removal("v1", "Service", object)),
    ...secrets
      .filter(({ metadata }) => isLeaf(metadata?.name ?? ""))
      .flatMap((object) => removal("v1", "Secret", object)),
  ];
}
