import type { ClusterObject } from "../observe/snapshot.ts";
import type { KubeObject } from "../reconcile/actions.ts";
import { ownedMetadata } from "./metadata.ts";

/** Nodes never talk to the Kubernetes API: no token, no rights. */
export const serviceAccount = (cluster: ClusterObject): KubeObject => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: ownedMetadata(cluster, cluster.metadata.name),
  automountServiceAccountToken: false,
});
