import { isObserver, OBSERVER_IDS, observerId, observerNumber } from "../../node/api/contract.ts";
import { LABELS } from "../api/group.ts";

/** The observer that follows a new release before any validator runs it. The numbers below its are the spec's. */
export const FORERUNNER = observerId(OBSERVER_IDS.count - 1);
/** Of so many observers, from the first one on. */
export const observerIds = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, number) => observerId(number));
/** A node in its objects' names. */
export const memberName = (id: number): string => (isObserver(id) ? `observer${observerNumber(id)}` : `${id}`);
/** A node in what people read. */
export const nodeName = (id: number): string => (isObserver(id) ? `observer ${observerNumber(id)}` : `node ${id}`);
export const memberLabels = (id: number): Readonly<Record<string, string>> =>
  isObserver(id) ? { [LABELS.observer]: `${observerNumber(id)}` } : { [LABELS.validator]: `${id}` };
/** The node that an object belongs to, by its labels. */
export function memberOn(labels: Readonly<Record<string, string>> | undefined): number | undefined {
  const [validator, observer] = [labels?.[LABELS.validator], labels?.[LABELS.observer]];
  const id = observer === undefined ? Number(validator ?? "x") : observerId(Number(observer));
  return Number.isInteger(id) ? id : undefined;
}

/** Names of a cluster's objects. A StatefulSet carries the incarnation of its validator's volume, a Service does not. */
export const statefulSetName = (cluster: string, validator: number, incarnation: number): string =>
  `${cluster}-${validator}-${incarnation}`;
export const observerSetName = (cluster: string, observer: number): string => `${cluster}-${memberName(observer)}`;
/** Of all observers that the spec asks for: their Service and their budget. */
export const observersName = (cluster: string): string => `${cluster}-observers`;
/** The one pod of a StatefulSet, and the claim of its volume. */
export const podName = (statefulSet: string): string => `${statefulSet}-0`;
export const claimName = (statefulSet: string): string => `data-${podName(statefulSet)}`;
/** Headless Service of one validator. */
export const serviceName = (cluster: string, validator: number): string => `${cluster}-${validator}`;
export const serviceHost = (cluster: string, namespace: string, validator: number): string =>
  `${serviceName(cluster, validator)}.${namespace}.svc`;
export const clientServiceName = (cluster: string): string => `${cluster}-client`;
/** What stands before and after the node in the name of its leaf Secret. */
export const leafSecretParts = (cluster: string) => ({ before: `${cluster}-`, after: "-tls" });
export function leafSecretName(cluster: string, id: number): string {
  const { before, after } = leafSecretParts(cluster);
  return `${before}${memberName(id)}${after}`;
}
/** The node whose leaf Secret has this name; undefined for every other Secret. */
export function memberOfLeaf(cluster: string, secret: string): number | undefined {
  const { before, after } = leafSecretParts(cluster);
  if (!secret.startsWith(before) || !secret.endsWith(after)) return undefined;
  const [, observer, number] = /^(observer)?(0|[1-9]\d{0,2})$/.exec(secret.slice(before.length, -after.length)) ?? [];
  if (number === undefined) return undefined;
  return observer === undefined ? Number(number) : observerId(Number(number));
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
