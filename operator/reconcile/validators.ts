import type { ValidatorStatus } from "../api/cluster.ts";
import { podName } from "../desired/names.ts";
import { isReady, type NodeView } from "../rollout/view.ts";

export function validatorStatus(cluster: string, node: NodeView): ValidatorStatus {
  return {
    id: node.id,
    pod: node.pod?.metadata?.name ?? podName(cluster, node.id),
    host: node.host,
    revision: node.podRevision ?? "",
    version: node.status?.version ?? "",
    state: stateOf(node),
    ready: isReady(node.pod) && !node.stopping,
    problem: (node.problem?.message ?? ownReason(node)).slice(0, 512),
  };
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
