import { isObserver, nodeIdentity, operatorIdentity } from "../../node/api/contract.ts";
import type { ClusterObject } from "../observe/snapshot.ts";
import type { Action } from "../reconcile/actions.ts";
import { objectLabels, ownerReferences } from "./metadata.ts";
import {
  authorityName,
  clientServiceName,
  governanceSecretName,
  leafSecretName,
  observersName,
  operatorSecretName,
  serviceName,
} from "./names.ts";

type Issue = Extract<Action, { type: "issue" }>;

/** Every name under which the Service is reached from inside the Kubernetes cluster, whatever its DNS domain is. */
const hosts = (service: string, namespace: string): readonly string[] => [
  service,
  `${service}.${namespace}`,
  `${service}.${namespace}.svc`,
];

export function authority(cluster: ClusterObject): Issue {
  const { name } = cluster.metadata;
  const { authoritySecret } = cluster.spec.tls;
  return {
    type: "issue",
    what: "authority",
    ...(authoritySecret === undefined ? {} : { issuer: authoritySecret }),
    secret: authorityName(name),
    commonName: `${cluster.spec.network} CA`,
    dnsNames: [],
    labels: objectLabels(name),
    ownerReferences: ownerReferences(cluster),
  };
}

const leaf = (cluster: ClusterObject, secret: string, identity: string, dnsNames: readonly string[]): Issue => ({
  type: "issue",
  what: "leaf",
  secret,
  commonName: identity,
  dnsNames: [identity, ...dnsNames],
  issuer: authorityName(cluster.metadata.name),
  labels: objectLabels(cluster.metadata.name),
  ownerReferences: ownerReferences(cluster),
});

/** The certificate by which a node is known to its peers (`<id>.<network>`, `observer-<number>.<network>`) and to clients (its Services' names). */
export function nodeLeaf(cluster: ClusterObject, id: number): Issue {
  const { name, namespace } = cluster.metadata;
  const services = isObserver(id) ? [observersName(name)] : [serviceName(name, id), clientServiceName(name)];
  const dnsNames = services.flatMap((service) => hosts(service, namespace));
  return leaf(cluster, leafSecretName(name, id), nodeIdentity(id, cluster.spec.network), dnsNames);
}

/** The certificate with which the operator reads `/status` and `/metrics`. */
export const operatorLeaf = (cluster: ClusterObject): Issue =>
  leaf(cluster, operatorSecretName(cluster.metadata.name), operatorIdentity(cluster.spec.network), []);

/** The parameter authority's key. No owner: whoever keeps the volumes will need it after the HmnCluster is gone. */
export const governance = (cluster: ClusterObject): Issue => ({
  type: "issue",
  what: "governance",
  secret: governanceSecretName(cluster.metadata.name),
  commonName: `${cluster.spec.network} governance`,
  dnsNames: [],
  labels: objectLabels(cluster.metadata.name),
});
