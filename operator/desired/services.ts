import { PORTS } from "../../node/api/contract.ts";
import { LABELS } from "../api/group.ts";
import { incarnationOf } from "../api/replacement.ts";
import type { ClusterObject } from "../observe/snapshot.ts";
import type { KubeObject } from "../reconcile/actions.ts";
import { shortHash } from "./hash.ts";
import { clusterSelector, observersSelector, ownedMetadata, validatorSelector } from "./metadata.ts";
import { ANNOTATIONS, clientServiceName, observersName, serviceName } from "./names.ts";
import { soundEntries } from "./spec-fault.ts";

const port = (name: keyof typeof PORTS) => ({ name, port: PORTS[name], targetPort: PORTS[name], protocol: "TCP" });

/** Peers find a validator by it. Before it is Ready, too: it becomes Ready only with its peers. */
export function validatorService(cluster: ClusterObject, validator: number): KubeObject {
  const { name } = cluster.metadata;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: ownedMetadata(cluster, serviceName(name, validator), validatorSelector(name, validator, 0)),
    spec: {
      ...families(cluster),
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: validatorSelector(name, validator, incarnationOf(cluster.status, validator)),
      ports: [port("control"), port("client"), port("api"), port("mesh"), port("consensus")],
    },
  };
}

/** Clients' way in: Ready nodes that are not isolated. */
export function clientService(cluster: ClusterObject): KubeObject {
  const { name } = cluster.metadata;
  const { type, labels, annotations, sourceRanges } = cluster.spec.services.client;
  const metadata = ownedMetadata(cluster, clientServiceName(name));
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      ...metadata,
      labels: { ...soundEntries(labels), ...metadata.labels },
      // What the user no longer asks for is seen by the hash: of labels and annotations, others may have added theirs.
      annotations: { ...soundEntries(annotations), [ANNOTATIONS.asked]: shortHash(cluster.spec.services) },
    },
    spec: {
      ...families(cluster),
      type,
      ...(type === "LoadBalancer" && sourceRanges.length > 0 ? { loadBalancerSourceRanges: sourceRanges } : {}),
      selector: { ...clusterSelector(name), [LABELS.serving]: "true" },
      ports: [port("client"), port("api")],
    },
  };
}

/** Readers' way to observers; batches go to validators. */
export function observersService(cluster: ClusterObject): KubeObject {
  const { name } = cluster.metadata;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: ownedMetadata(cluster, observersName(name)),
    spec: { ...families(cluster), type: "ClusterIP", selector: observersSelector(name), ports: [port("api")] },
  };
}

/** Only what the user asks for: Services that were made before the field existed have the Kubernetes cluster's default. */
function families({ spec }: ClusterObject): object {
  const { ipFamilies, ipFamilyPolicy } = spec.services;
  return { ipFamilyPolicy, ...(ipFamilies.length === 0 ? {} : { ipFamilies }) };
}
