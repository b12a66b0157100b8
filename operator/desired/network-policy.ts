import type { V1Node } from "@kubernetes/client-node";
import { PORTS } from "../../node/api/contract.ts";
import { FIELD_MANAGER, LABELS } from "../api/group.ts";
import type { ClusterObject } from "../observe/snapshot.ts";
import type { KubeObject } from "../reconcile/actions.ts";
import { clusterSelector, observersSelector, ownedMetadata } from "./metadata.ts";
import { restorePolicyName } from "./names.ts";

const DNS_PORT = 53;
const tcp = (port: number) => ({ protocol: "TCP", port });

/** Everything else is denied, in and out. */
export function networkPolicy(cluster: ClusterObject, hosts: readonly V1Node[]): KubeObject {
  const { name } = cluster.metadata;
  const selector = nodesOf(name);
  const pods = { podSelector: selector };
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: ownedMetadata(cluster, name),
    spec: {
      podSelector: selector,
      policyTypes: ["Ingress", "Egress"],
      ingress: [
        { from: [pods], ports: [tcp(PORTS.mesh), tcp(PORTS.consensus)] },
        { from: [{ namespaceSelector: {} }, ...outside(cluster, hosts)], ports: [tcp(PORTS.client), tcp(PORTS.api)] },
        {
          from: [
            { namespaceSelector: {}, podSelector: { matchLabels: { [LABELS.name]: FIELD_MANAGER } } },
            ...hostAddresses(hosts).map(block),
          ],
          ports: [tcp(PORTS.control)],
        },
      ],
      egress: [
        { to: [pods], ports: [tcp(PORTS.mesh), tcp(PORTS.consensus)] },
        { to: [{ namespaceSelector: {} }], ports: [{ protocol: "UDP", port: DNS_PORT }, tcp(DNS_PORT)] },
      ],
    },
  };
}

/**
 * Beside the other: a pod that fetches a backup may open connections to anywhere. The port of a store in the cluster is not the one in its
 * URL, and its address none that could stand here. The label goes to false when the volume holds its network.
 */
export const restorePolicy = (cluster: ClusterObject): KubeObject => {
  const { name } = cluster.metadata;
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: ownedMetadata(cluster, restorePolicyName(name)),
    spec: {
      podSelector: { matchLabels: { [LABELS.restoring]: "true" }, ...nodesOf(name) },
      policyTypes: ["Egress"],
      egress: [{ ports: [{ protocol: "TCP" }] }],
    },
  };
};

/** Pods of validators and observers. */
function nodesOf(cluster: string) {
  const both = [clusterSelector(cluster), observersSelector(cluster)].map((labels) => labels[LABELS.cluster]);
  return { matchExpressions: [{ key: LABELS.cluster, operator: "In", values: both }] };
}

const block = (cidr: string) => ({ ipBlock: { cidr } });

/** Clients from outside; many load balancers and every port of a host make them look like that host. */
function outside({ spec }: ClusterObject, hosts: readonly V1Node[]): readonly object[] {
  const { type, sourceRanges } = spec.services.client;
  if (type === "ClusterIP") return [];
  return sourceRanges.length === 0
    ? ["0.0.0.0/0", "::/0"].map(block)
    : [...sourceRanges, ...hostAddresses(hosts)].map(block);
}

/** Where kubelets probe from. */
function hostAddresses(hosts: readonly V1Node[]): readonly string[] {
  const addresses = hosts.flatMap((host) =>
    (host.status?.addresses ?? []).filter(({ type }) => type === "InternalIP").map(({ address }) => address),
  );
  return [...new Set(addresses)].toSorted().map((address) => `${address}/${address.includes(":") ? 128 : 32}`);
}
