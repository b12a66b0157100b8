import type {
  V1ConfigMap,
  V1ControllerRevision,
  V1Job,
  V1NetworkPolicy,
  V1Node,
  V1PersistentVolumeClaim,
  V1Pod,
  V1PodDisruptionBudget,
  V1Secret,
  V1Service,
  V1ServiceAccount,
  V1StatefulSet,
  V1ValidatingAdmissionPolicy,
  V1ValidatingAdmissionPolicyBinding,
} from "@kubernetes/client-node";
import type { NodeStatus } from "../../node/api/contract.ts";
import type { Hex } from "../../node/base/bytes.ts";
import type { Result } from "../../node/base/result.ts";
import type { Millis } from "../../node/base/units.ts";
import type { ApprovalSpec, ApprovalStatus } from "../api/approval.ts";
import type { BackupScheduleSpec, BackupScheduleStatus, BackupSpec, BackupStatus } from "../api/backup.ts";
import type { ClusterSpec, ClusterStatus } from "../api/cluster.ts";
import type { RolloutSpec, RolloutStatus } from "../api/rollout.ts";

export type Metadata = {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly creationTimestamp: string;
  readonly deleting: boolean;
};

export type ClusterObject = { readonly metadata: Metadata; readonly spec: ClusterSpec; readonly status: ClusterStatus };
export type ApprovalObject = {
  readonly metadata: Metadata;
  readonly spec: ApprovalSpec;
  readonly status: ApprovalStatus;
};
export type BackupObject = { readonly metadata: Metadata; readonly spec: BackupSpec; readonly status: BackupStatus };
export type BackupScheduleObject = {
  readonly metadata: Metadata;
  readonly spec: BackupScheduleSpec;
  readonly status: BackupScheduleStatus;
};
export type RolloutObject = { readonly metadata: Metadata; readonly spec: RolloutSpec; readonly status: RolloutStatus };

/** What one reading of a node gave. `unreachable` says why in a few words. */
export type NodeReading = {
  readonly at: Millis;
  readonly podUid: string;
  /** How long it speaks for the present: longer than usual where a cluster at rest is read seldom. */
  readonly standsFor?: Millis;
} & ({ readonly status: NodeStatus } | { readonly unreachable: string });

/**
 * One sample of a node's series, the difference between two scrapes of one process: a restart in between yields none.
 * Counts are of the interval (from, to].
 */
export type Sample = {
  readonly validator: number;
  readonly podUid: string;
  /** Revision label of the pod. */
  readonly revision: string;
  readonly from: Millis;
  readonly to: Millis;
  /** Whether the node answered, and answered as ready. */
  readonly available: boolean;
  /** Per bucket of `LATENCY_BUCKETS` (plus one for beyond) how many client batches; not cumulative. */
  readonly latencyCounts: readonly number[];
  readonly batches: { readonly accepted: number; readonly refused: number; readonly failed: number };
  /** Records of clients' batches, refused ones aside; absent in releases that do not count them. */
  readonly records?: { readonly offered: number; readonly committed: number };
  /** Use of the container's limits, in millionths; absent where the node or its pod does not tell. */
  readonly usage?: { readonly cpuPpm: number; readonly memoryPpm: number };
  readonly transfersApplied: number;
  /** Total of `METRICS.safety` since the process started. */
  readonly safetyViolations: number;
};

/** How a validator's peers saw it in one epoch, by their committed reports (Ω). */
export type PeersWord = {
  readonly validator: number;
  /** 95th percentile of its vote delay; 1 000 for that or more. */
  readonly voteDelayMs: number;
  readonly availabilityPpm: number;
};

/** What was measured of one epoch, as a node told it once. */
export type MeasuredEpoch = {
  readonly epoch: number;
  /** Ĉ. */
  readonly coherencePpm: number;
  /** Not after its beginning; absent where that was not seen. */
  readonly begunAt?: Millis;
  /** One and the same list for all nodes that told it alike; absent in releases that do not tell it. */
  readonly peers?: readonly PeersWord[];
};

/** How the metric source that a cluster names stands. */
export type MetricSourceState = {
  readonly source: string;
  /** Why it cannot be asked; undefined when its last answer was sound. */
  readonly error: string | undefined;
  /** Nodes of which it has no fresh counters. */
  readonly missing: readonly number[];
};

/** Another cluster that rolls out, or waits for its turn. */
export type Rival = {
  /** `<namespace>/<name>`. */
  readonly cluster: string;
  /** Undefined: it rolls out. */
  readonly waitingSince: string | undefined;
};

/** What the operator's own options and its other clusters say about this one's rollouts. */
export type Fleet = {
  readonly frozen: boolean;
  /** Upgrades at a time over all clusters; 0: any number. */
  readonly maxConcurrentRollouts: number;
  /** Looked for only when an upgrade is about to begin, since that goes over all clusters. */
  readonly rivals: () => readonly Rival[];
};

export type CertificateFacts = { readonly notBefore: Millis; readonly notAfter: Millis };

/** The certificate authority of a cluster, as its Secret holds it. */
export type AuthorityFacts = {
  /** PEM of everything that nodes and clients shall trust, and its SHA-256. */
  readonly bundle: string;
  readonly bundleHash: Hex;
  /** Its key is there, and fits. */
  readonly signs: boolean;
  /** Signs. */
  readonly current: CertificateFacts;
  /** Will sign, and is trusted already. */
  readonly next?: CertificateFacts;
  /** Signed, and is trusted still. */
  readonly previous?: CertificateFacts;
};

/** The authority that somebody else gives (`spec.tls.authoritySecret`), beside the one that the cluster uses; or why it is none. */
export type GivenAuthority = Result<{
  readonly stands: "Current" | "Next" | "New";
  readonly certificate: CertificateFacts;
}>;

/** A certificate with which a node or the operator shows itself. */
export type LeafFacts = CertificateFacts & {
  /** SHA-256 of its file. */
  readonly hash: Hex;
  readonly signer: "Current" | "Previous" | "Other";
  readonly dnsNames: readonly string[];
};

/** One immutable view of one cluster. Everything that is decided is decided from this alone. */
export type Snapshot = {
  readonly now: Millis;
  readonly cluster: ClusterObject;
  /** All HmnRollouts of this cluster, by number ascending. */
  readonly rollouts: readonly RolloutObject[];
  /** All HmnApprovals that name this very cluster, oldest first. */
  readonly approvals: readonly ApprovalObject[];
  /** Those that name this cluster, and their Jobs with their pods. */
  readonly backups: readonly BackupObject[];
  readonly backupSchedules: readonly BackupScheduleObject[];
  /** The one by the name in spec.restoreFrom, whichever cluster it is of. */
  readonly restoreBackup?: BackupObject;
  readonly jobs: readonly V1Job[];
  readonly backupPods: readonly V1Pod[];
  readonly statefulSets: readonly V1StatefulSet[];
  /** Of validators and observers. */
  readonly pods: readonly V1Pod[];
  readonly services: readonly V1Service[];
  readonly configMaps: readonly V1ConfigMap[];
  readonly secrets: readonly V1Secret[];
  /** Undefined without a Secret that holds one. */
  readonly authority: AuthorityFacts | undefined;
  /** Absent where the operator makes the authority itself. */
  readonly given?: GivenAuthority;
  /** By the name of the Secret; only what is a certificate with its key. */
  readonly leaves: ReadonlyMap<string, LeafFacts>;
  readonly budgets: readonly V1PodDisruptionBudget[];
  readonly networkPolicies: readonly V1NetworkPolicy[];
  readonly serviceAccounts: readonly V1ServiceAccount[];
  readonly claims: readonly V1PersistentVolumeClaim[];
  /** Rendered pod templates by revision, kept as ControllerRevisions. */
  readonly revisions: readonly V1ControllerRevision[];
  /** Hosts of the Kubernetes cluster: for zones and for what a pending pod waits for. */
  readonly hosts: readonly V1Node[];
  /** Of the whole Kubernetes cluster: what proves who signed an approval. */
  readonly admissionPolicies: readonly V1ValidatingAdmissionPolicy[];
  readonly admissionBindings: readonly V1ValidatingAdmissionPolicyBinding[];
  /** Latest reading of each validator's pod, and each observer's by the number that it goes by. */
  readonly readings: ReadonlyMap<number, NodeReading>;
  /** The last 15 minutes of samples, oldest first. */
  readonly samples: readonly Sample[];
  /** The newest measured epochs by validator, ascending, as far as they were seen. */
  readonly epochs: ReadonlyMap<number, readonly MeasuredEpoch[]>;
  /** Absent where the operator scrapes the nodes itself. */
  readonly metricSource?: MetricSourceState;
  /** Why the last order to the nodes was not taken, for people; empty if none was refused. */
  readonly orderFault: string;
  /** Why a claim was not enlarged, for people; empty if none was refused. */
  readonly claimFault: string;
  /** Last log lines of a container that crashed, by pod UID (at most 4 KiB each). */
  readonly crashLogs: ReadonlyMap<string, string>;
  readonly fleet: Fleet;
};
