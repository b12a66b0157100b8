import { type NetworkFile, PORTS } from "../../node/api/contract.ts";
import type { ClusterObject } from "../observe/snapshot.ts";
import type { KubeObject } from "../reconcile/actions.ts";
import { ownedMetadata } from "./metadata.ts";
import { authorityName, configName, serviceHost } from "./names.ts";

/** `network.json`: who the peers are, before and after genesis, and the closing block that a node far behind may trust. */
export function networkConfig(cluster: ClusterObject): KubeObject {
  const { name, namespace } = cluster.metadata;
  const { trustAnchor } = cluster.status;
  const file: NetworkFile = {
    network: cluster.spec.network,
    peers: Array.from({ length: cluster.spec.validators.replicas }, (_, id) => ({
      id,
      host: serviceHost(name, namespace, id),
      port: PORTS.consensus,
    })),
    ...(trustAnchor === undefined ? {} : { trust: trustAnchor }),
  };
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: ownedMetadata(cluster, configName(name)),
    data: { "network.json": JSON.stringify(file, null, 2) },
  };
}

/** The CA's certificate for nodes and clients; its key stays in the Secret. */
export const authorityConfig = (cluster: ClusterObject, certificate: string): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: ownedMetadata(cluster, authorityName(cluster.metadata.name)),
  data: { "ca.crt": certificate },
});
