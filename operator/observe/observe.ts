import type { V1Pod, V1Secret } from "@kubernetes/client-node";
import type { Result } from "../../node/base/result.ts";
import type { Millis } from "../../node/base/units.ts";
import { BACKUP_SUFFIX, LABELS } from "../api/group.ts";
import { authorityName } from "../desired/names.ts";
import type { Item } from "../runtime/resource.ts";
import type { Caches } from "./caches.ts";
import { readAuthority, readGiven, readLeaf } from "./certificates.ts";
import { decodeApproval, decodeBackup, decodeBackupSchedule, decodeCluster, decodeRollout } from "./decode.ts";
import type { KindName } from "./resources.ts";
import type {
  ApprovalObject,
  ClusterObject,
  Fleet,
  LeafFacts,
  MeasuredEpoch,
  MetricSourceState,
  NodeReading,
  RolloutObject,
  Sample,
  Snapshot,
} from "./snapshot.ts";

/** Type of a Secret with a certificate and its key. */
const TLS_SECRET = "kubernetes.io/tls";

/** What the nodes themselves said, and the operator's own options, beside what the API server says. */
export type Findings = {
  readonly readings: (clusterKey: string) => ReadonlyMap<number, NodeReading>;
  readonly samples: (clusterKey: string) => readonly Sample[];
  readonly epochs: (clusterKey: string) => ReadonlyMap<number, readonly MeasuredEpoch[]>;
  readonly metricSource: (clusterKey: string) => MetricSourceState | undefined;
  readonly crashLogs: (clusterKey: string) => ReadonlyMap<string, string>;
  readonly orderFault: (clusterKey: string) => string;
  readonly claimFault: (clusterKey: string) => string;
  readonly fleet: (clusterKey: string) => Fleet;
};

/**
 * The API server's JSON under the client library's type: the one place where its word is taken for the shape. Fields
 * that the library types as Date are text here, as they came.
 */
const typed = <T>(items: readonly Item[]): readonly T[] => items as unknown as readonly T[];

/** The cluster with everything that belongs to it, or undefined if there is no such HmnCluster. Throws if it cannot be read. */
export function observe(caches: Caches, findings: Findings, clusterKey: string, now: Millis): Snapshot | undefined {
  const item = caches.get("HmnCluster", clusterKey);
  if (item === undefined) return undefined;
  const cluster = decodeCluster(item);
  if (!cluster.ok) throw new Error(cluster.detail);
  const of = <T>(kind: KindName): readonly T[] => typed(caches.ofCluster(kind, clusterKey));
  const secrets = of<V1Secret>("Secret");
  const pods = of<V1Pod>("Pod");
  const isNode = ({ metadata }: V1Pod): boolean => !metadata?.labels?.[LABELS.cluster]?.endsWith(BACKUP_SUFFIX);
  const authority = secrets.find(({ metadata }) => metadata?.name === authorityName(item.metadata.name));
  const { authoritySecret } = cluster.value.spec.tls;
  const given = secrets.find(({ metadata }) => metadata?.name === authoritySecret);
  const metricSource = findings.metricSource(clusterKey);
  return {
    now,
    cluster: cluster.value,
    rollouts: rollouts(caches.ofCluster("HmnRollout", clusterKey), cluster.value.metadata.uid),
    approvals: approvals(caches.ofCluster("HmnApproval", clusterKey), cluster.value.metadata.uid),
    backups: decodedAll(caches.ofCluster("HmnBackup", clusterKey), decodeBackup),
    backupSchedules: decodedAll(caches.ofCluster("HmnBackupSchedule", clusterKey), decodeBackupSchedule),
    ...restoreBackup(caches, cluster.value),
    jobs: of("Job"),
    backupPods: pods.filter((pod) => !isNode(pod)),
    statefulSets: of("StatefulSet"),
    pods: pods.filter(isNode),
    services: of("Service"),
    configMaps: of("ConfigMap"),
    secrets,
    authority: readAuthority(authority),
    ...(authoritySecret === undefined ? {} : { given: readGiven(given, authority) }),
    leaves:
      authority === undefined
        ? new Map()
        : leavesOf(
            secrets.filter((secret) => secret !== given),
            authority,
          ),
    budgets: of("PodDisruptionBudget"),
    networkPolicies: of("NetworkPolicy"),
    serviceAccounts: of("ServiceAccount"),
    claims: of("PersistentVolumeClaim"),
    revisions: of("ControllerRevision"),
    hosts: typed(caches.items("Node")),
    admissionPolicies: typed(caches.items("ValidatingAdmissionPolicy")),
    admissionBindings: typed(caches.items("ValidatingAdmissionPolicyBinding")),
    readings: findings.readings(clusterKey),
    samples: findings.samples(clusterKey),
    epochs: findings.epochs(clusterKey),
    ...(metricSource === undefined ? {} : { metricSource }),
    crashLogs: findings.crashLogs(clusterKey),
    orderFault: findings.orderFault(clusterKey),
    claimFault: findings.claimFault(clusterKey),
    fleet: findings.fleet(clusterKey),
  };
}

function restoreBackup(caches: Caches, { metadata, spec }: ClusterObject): Pick<Snapshot, "restoreBackup"> {
  const { backup, target } = spec.restoreFrom ?? {};
  // Where the spec says it all itself, the object is nothing to it.
  const item = target !== undefined ? undefined : caches.get("HmnBackup", `${metadata.namespace}/${backup}`);
  const [found] = decodedAll(item === undefined ? [] : [item], decodeBackup);
  return found === undefined ? {} : { restoreBackup: found };
}

/** By name. */
function decodedAll<T>(items: readonly Item[], decode: (item: Item) => Result<T>): readonly T[] {
  return items.toSorted(byName).map((item) => {
    const decoded = decode(item);
    if (!decoded.ok) throw new Error(decoded.detail);
    return decoded.value;
  });
}

const byName = (a: Item, b: Item): number => (a.metadata.name < b.metadata.name ? -1 : 1);

function leavesOf(secrets: readonly V1Secret[], authority: V1Secret): ReadonlyMap<string, LeafFacts> {
  return new Map(
    secrets.flatMap((secret) => {
      const facts = secret.type === TLS_SECRET ? readLeaf(secret, authority) : undefined;
      return facts === undefined ? [] : [[secret.metadata?.name ?? "", facts] as const];
    }),
  );
}

/** Those of this very cluster: an earlier one of the same name may have left some that are not collected yet. */
function rollouts(items: readonly Item[], clusterUid: string): readonly RolloutObject[] {
  return items
    .map((item) => {
      const rollout = decodeRollout(item);
      if (!rollout.ok) throw new Error(rollout.detail);
      return rollout.value;
    })
    .filter(({ spec }) => spec.clusterUID === clusterUid)
    .toSorted((a, b) => a.spec.number - b.spec.number);
}

/** For this very cluster, in the order in which they were made. */
function approvals(items: readonly Item[], clusterUid: string): readonly ApprovalObject[] {
  return items
    .map((item) => {
      const approval = decodeApproval(item);
      if (!approval.ok) throw new Error(approval.detail);
      return approval.value;
    })
    .filter(({ spec }) => spec.clusterUID === clusterUid)
    .toSorted((a, b) => orderOf(a).localeCompare(orderOf(b)));
}

const orderOf = ({ metadata }: ApprovalObject): string => `${metadata.creationTimestamp} ${metadata.name}`;
