import { assert } from "../../node/base/assert.ts";
import { LABELS } from "../api/group.ts";
import type { Action } from "../reconcile/actions.ts";
import type { World } from "../reconcile/world.ts";
import type { Thing } from "../reconcile/world-store.ts";
import { behaviourOf } from "./story.ts";

/**
 * Before actions are carried out: no healthy validator that runs what it should is evicted, and while the operator is frozen
 * only what goes back.
 */
export function checkActions(world: World, actions: readonly Action[], frozen: boolean): void {
  for (const action of actions) {
    if (action.type !== "evict") continue;
    const pod = world.find("Pod", action.pod);
    if (pod === undefined || pod.metadata.uid !== action.uid || !world.nodes.isReady(pod)) continue;
    const goesBack = world.rollouts().at(-1)?.status.state === "RollingBack";
    assert(!frozen || goesBack, "a frozen operator moves only what goes back");
    const set = world.objects("StatefulSet").find(({ metadata }) => `${metadata.name}-0` === action.pod);
    const wanted = (set?.spec as { template: { metadata: { labels: Record<string, string> } } } | undefined)?.template;
    const revision = pod.metadata.labels[LABELS.revision];
    assert(wanted?.metadata.labels[LABELS.revision] !== revision, "who runs what it should is not evicted");
  }
}

/** A release that comes to other results than the one before it reaches an observer, and no validator. */
export function checkResults(world: World): void {
  for (const { spec, status } of world.rollouts()) {
    const differs = (version: string) => behaviourOf(version).differs === true;
    if (spec.kind !== "Upgrade" || differs(spec.from.version) || !differs(spec.to.version)) continue;
    assert((status.moved ?? []).length === 0, "no validator is moved to a release with other results");
  }
}

/** Of each status that is written: what it says is true, and no more than the operator has seen. */
export function checkStatus(world: World): void {
  const { cluster } = world.snapshot();
  const { status, metadata, spec } = cluster;
  assert((status.observedGeneration ?? 0) <= metadata.generation, "status speaks of no spec to come");
  const ready = status.conditions?.find(({ type }) => type === "Ready");
  if (ready?.status !== "True" || ready.observedGeneration !== metadata.generation) return;
  // What leaves is not there any more: it is being deleted, or its StatefulSet is gone and it will be.
  const sets = new Set(world.objects("StatefulSet").map(({ metadata }) => `${metadata.name}-0`));
  const pods = world
    .objects("Pod")
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined && sets.has(metadata.name));
  const wanted = spec.validators.replicas + spec.observers.replicas;
  assert(pods.length === wanted, "a Ready cluster has all its pods");
  assert(
    pods.every((pod) => imageOf(pod) === spec.image.reference),
    "a Ready cluster runs its spec",
  );
}

/** Nodes, operator and clients can always prove themselves to each other, whatever is being replaced. */
export function checkTrust(world: World): void {
  assert(world.certificates.distrust() === 0, "everybody trusts everybody's certificate");
}

/** The user rests and nothing fails any more: what was wanted last runs, and stays. */
export function isAsWanted(world: World): boolean {
  if (!world.status().conditions?.some(({ type, status }) => type === "Ready" && status === "True")) return false;
  const { cluster } = world.snapshot();
  const ready = cluster.status.conditions?.find(({ type }) => type === "Ready");
  return (
    ready?.status === "True" &&
    ready.observedGeneration === cluster.metadata.generation &&
    cluster.status.currentVersion === cluster.spec.version &&
    cluster.status.tls?.step === "Rest" &&
    world.objects("Pod").every((pod) => imageOf(pod) === cluster.spec.image.reference && world.nodes.isReady(pod))
  );
}

const imageOf = (pod: Thing): string | undefined =>
  (pod.spec as { containers: readonly { image: string }[] }).containers[0]?.image;
