import { isObserver, observerNumber } from "../../node/api/contract.ts";
import type { ObserverStatus } from "../api/observers.ts";
import { observersBudget } from "../desired/budget.ts";
import {
  FORERUNNER,
  memberOfLeaf,
  memberOn,
  observerIds,
  observerSetName,
  observersName,
  podName,
} from "../desired/names.ts";
import { observerSet } from "../desired/observer-set.ts";
import type { StoredRevision } from "../desired/revision.ts";
import { observersService } from "../desired/services.ts";
import type { RolloutObject, Snapshot } from "../observe/snapshot.ts";
import { holdOf } from "../rollout/hold.ts";
import { isHealthy, progressOf, reasonOf } from "../rollout/replace.ts";
import { podsCommand, type Wait } from "../rollout/situation.ts";
import { isObserving, observersRevision } from "../rollout/start.ts";
import type { NodeView, View } from "../rollout/view.ts";
import type { Action, KubeObject } from "./actions.ts";
import { hasDamage, isAlive } from "./loss.ts";
import { stateOf } from "./validators.ts";

/** An observer that there shall be, and its release. */
export type WantedObserver = { readonly id: number; readonly revision: string };

/** From records alone, like the revisions of validators: those that the spec asks for, and the forerunner in phase 0. */
export function wantedObservers(
  { cluster }: Snapshot,
  active: RolloutObject | undefined,
  current: string,
): readonly WantedObserver[] {
  const revision = observersRevision(active, current);
  const ids = observerIds(cluster.spec.observers.replicas);
  return [
    ...(revision === undefined ? [] : ids.map((id) => ({ id, revision }))),
    ...(active !== undefined && isObserving(active) ? [{ id: FORERUNNER, revision: active.spec.to.revision }] : []),
  ];
}

/** All that carry a certificate of their own beside the validators. */
export const observersOf = ({ observers, forerunner }: View): readonly NodeView[] =>
  [...observers, forerunner].filter(({ pod }) => pod !== undefined);

/** All nodes with a certificate of their own, voters first. */
export const everybodyOf = (view: View): readonly NodeView[] => [...view.nodes, ...observersOf(view)];

export function observerObjects(
  { cluster, statefulSets }: Snapshot,
  wanted: readonly WantedObserver[],
  stored: ReadonlyMap<string, StoredRevision>,
): readonly KubeObject[] {
  const shared = cluster.spec.observers.replicas > 0 ? [observersService(cluster), observersBudget(cluster)] : [];
  const sets = wanted.flatMap(({ id, revision }) => {
    const release = stored.get(revision);
    const name = observerSetName(cluster.metadata.name, id);
    const actual = statefulSets.find(({ metadata }) => metadata?.name === name);
    return release === undefined ? [] : [observerSet(cluster, id, release, actual)];
  });
  return [...shared, ...sets];
}

/**
 * To their releases: the forerunner at once, where one of an earlier rollout is still there; of the others one at a time, while the
 * rest answers. No quorum hangs on them, so they take no slot.
 */
export function observerMoves(snapshot: Snapshot, view: View, wanted: readonly WantedObserver[]): readonly Action[] {
  const { cluster, fleet, now } = snapshot;
  if (cluster.spec.paused || holdOf(cluster, fleet, now)?.keeps === "Everything") return [];
  const revisionOf = (id: number) => wanted.find((one) => one.id === id)?.revision;
  const behind = observersOf(view).filter(
    ({ id, podRevision }) => revisionOf(id) !== undefined && podRevision !== revisionOf(id),
  );
  const answers = (node: NodeView): boolean => node.id !== FORERUNNER && isHealthy(node);
  const spared = (node: NodeView): boolean => view.observers.every((other) => other.id === node.id || isHealthy(other));
  const next = behind.find((node) => !answers(node)) ?? behind.find(spared);
  if (next === undefined) return [];
  const progress = progressOf(view, next, revisionOf(next.id) ?? "");
  return progress.at === "acting" ? [progress.act] : [];
}

/** Of those whose data is damaged one begins anew: its set goes, its volume with it, and both are made again. No key is lost by that. */
export function damagedObservers({ cluster, rollouts, fleet, now }: Snapshot, view: View): readonly Action[] {
  if (cluster.spec.paused || holdOf(cluster, fleet, now)?.keeps === "Everything") return [];
  const damaged = view.observers.find((node) => hasDamage(rollouts, node))?.statefulSet;
  return damaged === undefined ? [] : removal("apps/v1", "StatefulSet", damaged);
}

/** On a host that is gone nobody ends a pod; who has no vote may be forgotten at once, and comes up elsewhere. */
export const strandedObservers = ({ hosts }: Snapshot, view: View): readonly Action[] =>
  observersOf(view)
    .filter(({ host, podReady }) => host !== "" && !podReady && !isAlive(hosts, host))
    .map(({ pod, podUid }) => ({ type: "delete-pod", pod: pod?.metadata?.name ?? "", uid: podUid, force: true }));

/** Objects of observers that nobody wants any more; volumes go with them. */
export function observerLeftovers(snapshot: Snapshot, wanted: readonly WantedObserver[]): readonly Action[] {
  const { cluster, statefulSets, secrets, services, budgets } = snapshot;
  const { name } = cluster.metadata;
  const isLeft = (id: number): boolean => !wanted.some((one) => one.id === id);
  const isLeaf = (secret: string): boolean => {
    const id = memberOfLeaf(name, secret);
    return id !== undefined && isObserver(id) && isLeft(id);
  };
  const sets = statefulSets.filter(({ metadata }) => {
    const id = memberOn(metadata?.labels);
    return id !== undefined && metadata?.name === observerSetName(name, id) && isLeft(id);
  });
  const isShared = ({ metadata }: Named): boolean =>
    cluster.spec.observers.replicas === 0 && metadata?.name === observersName(name);
  return [
    ...sets.flatMap((object) => removal("apps/v1", "StatefulSet", object)),
    ...services.filter(isShared).flatMap((object) => removal("v1", "Service", object)),
    ...budgets.filter(isShared).flatMap((object) => removal("policy/v1", "PodDisruptionBudget", object)),
    ...secrets
      .filter(({ metadata }) => isLeaf(metadata?.name ?? ""))
      .flatMap((object) => removal("v1", "Secret", object)),
  ];
}

type Named = { metadata?: { name?: string; uid?: string; deletionTimestamp?: unknown } };
export const removal = (apiVersion: string, kind: string, { metadata }: Named): readonly Action[] =>
  metadata?.deletionTimestamp === undefined
    ? [{ type: "delete", apiVersion, kind, name: metadata?.name ?? "", uid: metadata?.uid ?? "" }]
    : [];

/** All that the spec asks for follow on this release. */
export const observersAre = (view: View, revision: string): boolean =>
  view.observers.every((node) => isHealthy(node) && node.podRevision === revision);

/** Without a rollout, an observer that is away is waited for when nothing else is. */
export function observersMissing({ cluster }: Snapshot, view: View): Wait | undefined {
  const sick = view.observers.filter((node) => !isHealthy(node));
  const [first] = sick;
  if (first === undefined) return undefined;
  const { name, namespace } = cluster.metadata;
  return {
    reason: "ObserversNotReady",
    message: `Observer ${sick.map(({ id }) => observerNumber(id)).join(", ")} is not ready and caught up${reasonOf(first)}. Validators serve without it`,
    who: first.problem === undefined ? "Operator" : "Platform",
    command: podsCommand({ cluster: name, namespace }),
  };
}

/** Each observer as people see it. */
export const observerStatuses = ({ cluster }: Snapshot, view: View): ObserverStatus[] =>
  view.observers.map((node) => ({
    id: observerNumber(node.id),
    pod: node.pod?.metadata?.name ?? podName(observerSetName(cluster.metadata.name, node.id)),
    host: node.host,
    revision: node.podRevision ?? "",
    version: node.status?.version ?? "",
    state: stateOf(node),
    ready: node.podReady,
    problem: (node.problem?.message ?? "").slice(0, 512),
  }));
