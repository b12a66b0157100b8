import type { V1StatefulSet } from "@kubernetes/client-node";
import { LABELS } from "../api/group.ts";
import { isAsleep } from "../api/hibernation.ts";
import { incarnationOf } from "../api/replacement.ts";
import type { ClusterObject } from "../observe/snapshot.ts";
import type { KubeObject } from "../reconcile/actions.ts";
import { ownedMetadata, validatorSelector } from "./metadata.ts";
import { serviceName, statefulSetName } from "./names.ts";
import { type Restoring, restoringTemplate } from "./restore.ts";
import type { StoredRevision } from "./revision.ts";
import { templateFor } from "./template.ts";

/** What a StatefulSet asks for its claim. */
export const volumeSize = (set: V1StatefulSet | undefined): string | undefined =>
  set?.spec?.volumeClaimTemplates?.[0]?.spec?.resources?.requests?.storage;

/** One StatefulSet of one replica for each validator, so that any node can move in any order (decision record 0004). */
export function statefulSet(
  cluster: ClusterObject,
  validator: number,
  revision: StoredRevision,
  actual: V1StatefulSet | undefined,
  restored?: Restoring,
): KubeObject {
  const { metadata, spec } = cluster;
  const incarnation = incarnationOf(cluster.status, validator);
  const selector = validatorSelector(metadata.name, validator, incarnation);
  const plain = templateFor(revision.template, validator);
  const template = restored === undefined ? plain : restoringTemplate(plain, restored);
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: ownedMetadata(cluster, statefulSetName(metadata.name, validator, incarnation), {
      ...selector,
      [LABELS.revision]: revision.revision,
    }),
    spec: {
      replicas: isAsleep(cluster.status) ? 0 : 1,
      serviceName: serviceName(metadata.name, validator),
      // A new template never moves a node by itself.
      updateStrategy: { type: "OnDelete" },
      podManagementPolicy: "Parallel",
      revisionHistoryLimit: 2,
      persistentVolumeClaimRetentionPolicy: { whenDeleted: spec.storage.retention, whenScaled: "Retain" },
      selector: { matchLabels: selector },
      template: {
        ...template,
        metadata: { ...template.metadata, labels: { ...template.metadata.labels, ...selector } },
      },
      volumeClaimTemplates: [volumeClaim(cluster, selector, actual)],
    },
  };
}

export const volumeClaim = (
  { spec }: ClusterObject,
  labels: Readonly<Record<string, string>>,
  actual: V1StatefulSet | undefined,
): object => ({
  metadata: { name: "data", labels },
  spec: {
    accessModes: ["ReadWriteOnce"],
    ...(spec.storage.className === undefined ? {} : { storageClassName: spec.storage.className }),
    // Claim templates cannot change: a set of another size is made anew, once its volume has grown.
    resources: { requests: { storage: volumeSize(actual) ?? spec.storage.size } },
  },
});
