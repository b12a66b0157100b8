import type { V1StatefulSet } from "@kubernetes/client-node";
import { ENVIRONMENT, observerNumber } from "../../node/api/contract.ts";
import { LABELS } from "../api/group.ts";
import { isAsleep } from "../api/hibernation.ts";
import type { Placement } from "../api/placement.ts";
import type { ClusterObject } from "../observe/snapshot.ts";
import type { KubeObject } from "../reconcile/actions.ts";
import { affinityOf } from "./affinity.ts";
import { cpuBeside } from "./beside.ts";
import { observersSelector, ownedMetadata } from "./metadata.ts";
import { FORERUNNER, memberLabels, observerSetName, observersName } from "./names.ts";
import { restoringTemplate } from "./restore.ts";
import type { StoredRevision } from "./revision.ts";
import { volumeClaim } from "./stateful-set.ts";
import { type PodTemplate, templateFor } from "./template.ts";

const ZONE = "topology.kubernetes.io/zone";

/** What of a pod an observer has otherwise than a validator. */
type PodSpec = {
  readonly affinity?: object;
  readonly topologySpreadConstraints: readonly object[];
  readonly containers: readonly (object & {
    readonly env: readonly { readonly name: string; readonly value: string }[];
    readonly resources: { readonly requests: object; readonly limits: object };
  })[];
  readonly volumes: readonly object[];
};

/**
 * One StatefulSet of one replica for each observer, on the release's own template. The forerunner lives for one rollout: what it
 * writes goes with its pod.
 */
export function observerSet(
  cluster: ClusterObject,
  id: number,
  revision: StoredRevision,
  actual: V1StatefulSet | undefined,
): KubeObject {
  const { name } = cluster.metadata;
  const selector = { ...observersSelector(name), ...memberLabels(id) };
  const own = observerTemplate(cluster, id, revision);
  const { source } = cluster.status.restore ?? {};
  // Nobody begins a restored network without the backup, and what an observer writes may go with its pod.
  const { chainId } = cluster.spec.restoreFrom ?? {};
  const template = source === undefined ? own : restoringTemplate(own, { holds: false, source, chainId });
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: ownedMetadata(cluster, observerSetName(name, id), {
      ...memberLabels(id),
      [LABELS.revision]: revision.revision,
    }),
    spec: {
      replicas: isAsleep(cluster.status) ? 0 : 1,
      serviceName: observersName(name),
      updateStrategy: { type: "OnDelete" },
      podManagementPolicy: "Parallel",
      revisionHistoryLimit: 2,
      selector: { matchLabels: selector },
      template,
      // Nothing on them cannot be had again from the validators.
      ...(id === FORERUNNER
        ? {}
        : {
            persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete", whenScaled: "Delete" },
            volumeClaimTemplates: [volumeClaim(cluster, selector, actual)],
          }),
    },
  };
}

function observerTemplate(cluster: ClusterObject, id: number, { template, inputs }: StoredRevision): PodTemplate {
  const { name } = cluster.metadata;
  const { metadata, spec } = templateFor(template, id);
  const { affinity: ___, ...pod } = spec as PodSpec;
  const { [LABELS.validator]: _, [LABELS.serving]: __, ...labels } = metadata.labels;
  const selector = observersSelector(name);
  const affinity = affinityOf(name, inZones(inputs.placement, cluster.spec.observers.zones));
  const temporary = id === FORERUNNER;
  const { cpu } = inputs.resources;
  return {
    metadata: { ...metadata, labels: { ...labels, ...selector, ...memberLabels(id) } },
    spec: {
      ...pod,
      ...(affinity === undefined ? {} : { affinity }),
      topologySpreadConstraints: pod.topologySpreadConstraints.map((constraint) => ({
        ...constraint,
        labelSelector: { matchLabels: selector },
      })),
      containers: pod.containers.map((container) => ({
        ...container,
        env: container.env.map((variable) =>
          variable.name === ENVIRONMENT.validator
            ? { name: ENVIRONMENT.observer, value: `${observerNumber(id)}` }
            : variable,
        ),
        resources: temporary
          ? { ...container.resources, requests: { ...container.resources.requests, cpu: cpuBeside(cpu) } }
          : container.resources,
      })),
      volumes: temporary ? [...pod.volumes, { name: "data", emptyDir: {} }] : pod.volumes,
    },
  };
}

/** Beside validators, on whatever host the user lets them run on, in these zones. */
function inZones({ nodeAffinity, nodeSelector }: Placement, zones: readonly string[]): Placement {
  const inOne = zones.length === 0 ? [] : [{ key: ZONE, operator: "In" as const, values: [...zones] }];
  const terms = nodeAffinity?.required ?? [];
  const required = (terms.length === 0 && inOne.length > 0 ? [{ matchExpressions: [] }] : terms).map(
    ({ matchExpressions }) => ({ matchExpressions: [...matchExpressions, ...inOne] }),
  );
  const preferred = nodeAffinity?.preferred ?? [];
  const given = required.length + preferred.length > 0;
  return { allowSharedHosts: true, nodeSelector, ...(given ? { nodeAffinity: { required, preferred } } : {}) };
}
