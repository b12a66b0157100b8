import { PORTS } from "../../node/api/contract.ts";
import { LABELS } from "../api/group.ts";
import type { ClusterObject } from "../observe/snapshot.ts";
import type { KubeObject } from "../reconcile/actions.ts";
import { clusterSelector, ownedMetadata, validatorSelector } from "./metadata.ts";
import { clientServiceName, serviceName } from "./names.ts";

const port = (name: keyof typeof PORTS) => ({ name, port: PORTS[name], targetPort: PORTS[name], protocol: "TCP" });

/** Peers find a validator by it. Before it is Ready, too: it becomes Ready only with its peers. */
export function validatorService(cluster: ClusterObject, validator: number): KubeObject {
  const { name } = cluster.metadata;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: ownedMetadata(cluster, serviceName(name, validator), validatorSelector(name, validator)),
    spec: {
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: validatorSelector(name, validator),
      ports: [port("control"), port("client"), port("api"), port("consensus")],
    },
  };
}

/** Clients' way in: Ready nodes that are not isolated. */
export function clientService(cluster: ClusterObject): KubeObject {
  const { name } = cluster.metadata;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: ownedMetadata(cluster, clientServiceName(name)),
    spec: {
      selector: { ...clusterSelector(name), [LABELS.serving]: "true" },
      ports: [port("client"), port("api")],
    },
  };
}
