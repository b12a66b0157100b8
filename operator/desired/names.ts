/** Names of a cluster's objects. A StatefulSet carries the incarnation of its validator's volume, a Service does not. */
export const statefulSetName = (cluster: string, validator: number, incarnation: number): string =>
  `${cluster}-${validator}-${incarnation}`;
/** The one pod of a StatefulSet, and the claim of its volume. */
export const podName = (statefulSet: string): string => `${statefulSet}-0`;
export const claimName = (statefulSet: string): string => `data-${podName(statefulSet)}`;
/** Headless Service of one validator. */
export const serviceName = (cluster: string, validator: number): string => `${cluster}-${validator}`;
export const serviceHost = (cluster: string, namespace: string, validator: number): string =>
  `${serviceName(cluster, validator)}.${namespace}.svc`;
export const clientServiceName = (cluster: string): string => `${cluster}-client`;
/** What stands before and after the validator's id in the name of its leaf Secret. */
export const leafSecretParts = (cluster: string) => ({ before: `${cluster}-`, after: "-tls" });
export function leafSecretName(cluster: string, validator: number): string {
  const { before, after } = leafSecretParts(cluster);
  return `${before}${validator}${after}`;
}
export const operatorSecretName = (cluster: string): string => `${cluster}-operator-tls`;
export const governanceSecretName = (cluster: string): string => `${cluster}-governance`;
/** Secret with the CA's key, and the ConfigMap with its certificate for clients. */
export const authorityName = (cluster: string): string => `${cluster}-ca`;
export const configName = (cluster: string): string => `${cluster}-config`;
export const genesisName = (cluster: string): string => `${cluster}-genesis`;
/** Of the NetworkPolicy that lets pods reach the store of the backup that they begin with. */
export const restorePolicyName = (cluster: string): string => `${cluster}-restore`;
export const revisionName = (cluster: string, revision: string): string => `${cluster}-${revision}`;
export const rolloutName = (cluster: string, number: number): string => `${cluster}-${number}`;

/** Annotations that the operator writes. */
export const ANNOTATIONS = {
  /** On pods: hash of the genesis. Its change makes the kubelet refresh the pod's volumes at once. */
  genesis: "hmn.dev/genesis",
  /** On the client Service: hash of what the user asks of it. */
  asked: "hmn.dev/asked",
  /** On pods: hash of the peers' file, while it changes, for the same. */
  peers: "hmn.dev/peers",
  /** On pods: hash of the certificates that they shall use, for the same. */
  tls: "hmn.dev/tls",
} as const;
