import type { ValidatorStatus } from "../api/cluster.ts";
import { podName } from "../desired/names.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import { isReady, type NodeView, type View } from "../rollout/view.ts";
import { zonesOf } from "./fault-domains.ts";

/** Each validator as people and the plugin see it. */
export function validatorStatuses({ cluster, hosts }: Snapshot, view: View): ValidatorStatus[] {
  const zones = zonesOf(hosts);
  const before = new Map((cluster.status.validators ?? []).map(({ id, weight }) => [id, weight]));
  return view.nodes.map((node) => ({
    id: node.id,
    pod: node.pod?.metadata?.name ?? podName(cluster.metadata.name, node.id),
    host: node.host,
    zone: zones.get(node.host) ?? "",
    revision: node.podRevision ?? "",
    version: node.status?.version ?? "",
    state: stateOf(node),
    ready: isReady(node.pod) && !node.stopping,
    // While nobody can be asked, what was last known stands.
    weight: view.voters.length === 0 ? (before.get(node.id) ?? 0) : node.weight,
    voting: node.voting,
    problem: (node.problem?.message ?? ownReason(node)).slice(0, 512),
  }));
}

function stateOf(node: NodeView): string {
  if (node.pod === undefined) return "Missing";
  if (node.stopping) return "Stopping";
  if (node.status !== undefined) return node.status.state;
  return node.pod.status?.phase === "Running" ? "Unreachable" : "Pending";
}

/** A node that is not ready says itself what it lacks. */
const ownReason = (node: NodeView): string =>
  node.status === undefined || node.status.ready ? "" : node.status.reason;
