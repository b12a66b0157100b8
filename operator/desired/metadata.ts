import { API_VERSION, FIELD_MANAGER, LABELS, OBSERVER_SUFFIX } from "../api/group.ts";
import type { ClusterObject } from "../observe/snapshot.ts";

/** What every validator's objects and pods of a cluster are found by. */
export const clusterSelector = (cluster: string) => ({ [LABELS.cluster]: cluster });
/** Pods of its observers. */
export const observersSelector = (cluster: string) => ({ [LABELS.cluster]: `${cluster}${OBSERVER_SUFFIX}` });
/** The first incarnation carries no label: selectors of StatefulSets never change. */
export const validatorSelector = (cluster: string, validator: number, incarnation: number) => ({
  [LABELS.cluster]: cluster,
  [LABELS.validator]: String(validator),
  ...(incarnation === 0 ? {} : { [LABELS.incarnation]: String(incarnation) }),
});

export const objectLabels = (cluster: string) => ({
  [LABELS.cluster]: cluster,
  [LABELS.name]: "hmn-node",
  [LABELS.instance]: cluster,
  [LABELS.managedBy]: FIELD_MANAGER,
});

/** The object goes when the HmnCluster goes, by Kubernetes' garbage collection. */
export const ownerReferences = (cluster: ClusterObject) => [
  {
    apiVersion: API_VERSION,
    kind: "HmnCluster",
    name: cluster.metadata.name,
    uid: cluster.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  },
];

export const ownedMetadata = (cluster: ClusterObject, name: string, labels: Readonly<Record<string, string>> = {}) => ({
  name,
  namespace: cluster.metadata.namespace,
  labels: { ...objectLabels(cluster.metadata.name), ...labels },
  ownerReferences: ownerReferences(cluster),
});
