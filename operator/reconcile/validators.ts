import type { ValidatorStatus } from "../api/validator-status.ts";
import { podName, statefulSetName } from "../desired/names.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import { isReady, type NodeView, type View } from "../rollout/view.ts";
import { zonesOf } from "./fault-domains.ts";

/** Each validator as people and the plugin see it. */
export function validatorStatuses({ cluster, hosts }: Snapshot, view: View): ValidatorStatus[] {
  const zones = zonesOf(hosts);
  const weights = toldWeights(cluster.status.validators ?? [], view);
  return view.nodes.map((node) => ({
    id: node.id,
    pod: node.pod?.metadata?.name ?? podName(statefulSetName(cluster.metadata.name, node.id, node.incarnation)),
    host: node.host,
    zone: zones.get(node.host) ?? "",
    revision: node.podRevision ?? "",
    version: node.status?.version ?? "",
    state: stateOf(node),
    ready: isReady(node.pod) && !node.stopping,
    weight: weights.get(node.id) ?? 0,
    voting: node.voting,
    problem: (node.problem?.message ?? ownReason(node)).slice(0, 512),
  }));
}

/** Weights move a little in every epoch, and a steady cluster costs no write: a tenth is news. */
const NEWS_SHARE = 0.1;

/** The weights that the status tells: all of one reading, kept until one of them has moved noticeably, and while nobody can be asked. */
function toldWeights(before: readonly ValidatorStatus[], view: View): ReadonlyMap<number, number> {
  const told = new Map(before.map(({ id, weight }) => [id, weight]));
  const moved = ({ id, weight }: NodeView) => {
    const last = told.get(id) ?? 0;
    return Math.abs(weight - last) > NEWS_SHARE * last;
  };
  if (view.voters.length === 0 || !view.nodes.some(moved)) return told;
  return new Map(view.nodes.map(({ id, weight }) => [id, weight]));
}

export function stateOf(node: NodeView): string {
  if (node.pod === undefined) return "Missing";
  if (node.stopping) return "Stopping";
  if (node.status !== undefined) return node.status.state;
  return node.pod.status?.phase === "Running" ? "Unreachable" : "Pending";
}

/** A node that is not ready says itself what it lacks. */
const ownReason = (node: NodeView): string =>
  node.status === undefined || node.status.ready ? "" : node.status.reason;
