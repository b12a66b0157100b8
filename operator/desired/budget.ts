import type { NodeStatus } from "../../node/api/contract.ts";
import { LABELS } from "../api/group.ts";
import type { ClusterObject } from "../observe/snapshot.ts";
import type { KubeObject } from "../reconcile/actions.ts";
import { clusterSelector, observersSelector, ownedMetadata } from "./metadata.ts";
import { observersName } from "./names.ts";

type Voter = Pick<NodeStatus["validators"][number], "weight">;

/**
 * How many voters must stay: all but one, if a quorum is left without the heaviest of them, otherwise all. Never computed
 * from who is Ready now: a budget that sinks with every outage protects nothing.
 */
export function minAvailable(voters: readonly Voter[]): number {
  const total = voters.reduce((sum, voter) => sum + voter.weight, 0);
  const heaviest = Math.max(0, ...voters.map((voter) => voter.weight));
  const bearable = 3 * (total - heaviest) > 2 * total;
  return bearable ? voters.length - 1 : voters.length;
}

/** Readers keep all observers but one. */
export const observersBudget = (cluster: ClusterObject): KubeObject => ({
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: ownedMetadata(cluster, observersName(cluster.metadata.name)),
  spec: {
    maxUnavailable: 1,
    selector: { matchLabels: observersSelector(cluster.metadata.name) },
    unhealthyPodEvictionPolicy: "AlwaysAllow",
  },
});

export const budget = (cluster: ClusterObject, least: number): KubeObject => ({
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: ownedMetadata(cluster, cluster.metadata.name),
  spec: {
    minAvailable: least,
    selector: { matchLabels: { ...clusterSelector(cluster.metadata.name), [LABELS.voter]: "true" } },
    // A voter that is down already takes no weight away when it goes: drains must not hang on it.
    unhealthyPodEvictionPolicy: "AlwaysAllow",
  },
});
