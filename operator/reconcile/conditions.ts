import type { Millis } from "../../node/base/units.ts";
import type { ClusterStatus } from "../api/cluster.ts";
import type { Condition, ConditionType } from "../api/conditions.ts";
import type { TlsStatus } from "../api/tls.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import { isActive } from "../rollout/history.ts";
import { quorumServes } from "../rollout/quorum.ts";
import { isHealthy } from "../rollout/replace.ts";
import type { Wait } from "../rollout/situation.ts";
import { timeText } from "../rollout/time.ts";
import type { View } from "../rollout/view.ts";
import { backupCurrent } from "./backups.ts";
import { certificatesReady } from "./certificates.ts";
import { faultDomains } from "./fault-domains.ts";
import { imageUnchanged } from "./image.ts";
import { serviceLevels } from "./levels.ts";
import { observersAre } from "./observers.ts";
import type { Obstacle } from "./plan.ts";
import { deletionGuardMissing } from "./signer-proof.ts";

type Statement = { readonly status: Condition["status"]; readonly reason: string; readonly message: string };

export type Facts = {
  readonly snapshot: Snapshot;
  readonly view: View;
  readonly target: string;
  readonly current: string;
  readonly phase: NonNullable<ClusterStatus["phase"]>;
  readonly wait: Wait | undefined;
  readonly image: string | undefined;
  readonly obstacle: Obstacle | undefined;
  readonly tls: TlsStatus;
  /** Another number of validators is wanted than there is, one is being replaced, or volumes grow. */
  readonly changing: boolean;
};

const authorityFaults: readonly string[] = [
  "AuthorityMissing",
  "AuthorityUnusable",
  "IssuerSecretMissing",
  "IssuerSecretUnusable",
  "IssuerSecretEnding",
];
/** Reasons of waiting that only a person ends: by the conventions these and no others are `Stalled`. */
export const stalledReasons: readonly string[] = [
  ...authorityFaults,
  "Quarantined",
  "FirstDeploymentFailed",
  "RevisionMissing",
  "GenesisMissing",
  "KeysNotDistinct",
  "SpecInvalid",
  "VolumesCannotGrow",
  "TooManyDamaged",
  "Contested",
  "HibernationBackupFailed",
  "BackupMissing",
  "BackupKeyWrong",
  "BackupOfAnotherNetwork",
  "BackupDamaged",
  "BackupNotOnVolume",
  "BackupsDiffer",
  "ValidatorsNotInBackup",
];

export function conditions(facts: Facts, before: readonly Condition[]): readonly Condition[] {
  const { snapshot, view } = facts;
  const statements: readonly (readonly [ConditionType, Statement | undefined])[] = [
    ["Ready", ready(facts)],
    ["Reconciling", reconciling(facts)],
    ["Stalled", stalled(facts)],
    ["Available", available(facts)],
    ["ServiceLevelsMet", serviceLevels(snapshot, view)],
    ["CertificatesReady", certificates(facts)],
    ["FaultDomainsSafe", faultDomains(view, snapshot.hosts)],
    ["RolledBack", rolledBack(snapshot)],
    ["DeletionProtected", deletionProtected(snapshot)],
    ["ImageUnchanged", imageUnchanged(view, facts.current, facts.image)],
    ["BackupCurrent", backupCurrent(snapshot)],
  ];
  return statements.flatMap(([type, statement]) =>
    statement === undefined
      ? []
      : [condition(type, statement, snapshot.cluster.metadata.generation, snapshot.now, before)],
  );
}

function condition(
  type: ConditionType,
  { status, reason, message }: Statement,
  observedGeneration: number,
  now: Millis,
  before: readonly Condition[],
): Condition {
  const last = before.find((candidate) => candidate.type === type);
  const lastTransitionTime = last?.status === status ? last.lastTransitionTime : timeText(now);
  return { type, status, observedGeneration, lastTransitionTime, reason, message: message.slice(0, 1024) };
}

export function isReadyCluster({
  snapshot,
  view,
  target,
  current,
  changing,
}: Pick<Facts, "snapshot" | "view" | "target" | "current" | "changing">): boolean {
  return (
    !changing &&
    !snapshot.rollouts.some(({ status }) => isActive(status)) &&
    target === current &&
    view.nodes.every((node) => isHealthy(node) && node.podRevision === target) &&
    observersAre(view, target) &&
    quorumServes(view)
  );
}

function ready(facts: Facts): Statement {
  if (isReadyCluster(facts))
    return {
      status: "True",
      reason: "Converged",
      message: "All nodes run the spec, are ready and caught up, and a quorum serves",
    };
  const { wait, phase, obstacle } = facts;
  if (obstacle !== undefined) return { status: "False", reason: obstacle.reason, message: obstacle.message };
  return wait === undefined
    ? { status: "False", reason: phase, message: "The operator is at work: see status.rollout" }
    : { status: "False", reason: wait.reason, message: wait.message };
}

function reconciling(facts: Facts): Statement | undefined {
  const { phase, wait, obstacle } = facts;
  if (stalled(facts) !== undefined || obstacle !== undefined || isReadyCluster(facts)) return undefined;
  if (phase === "Running" || phase === "Paused" || phase === "Hibernated") return undefined;
  return { status: "True", reason: phase, message: wait?.message ?? "The operator is at work: see status.rollout" };
}

function stalled({ wait, obstacle }: Facts): Statement | undefined {
  const cause = obstacle ?? wait;
  return cause !== undefined && stalledReasons.includes(cause.reason)
    ? { status: "True", reason: cause.reason, message: cause.message }
    : undefined;
}

function available({ snapshot, view, phase }: Facts): Statement {
  if (phase === "Hibernated")
    return { status: "False", reason: "Hibernated", message: "No validator runs: set spec.hibernate to false" };
  if (quorumServes(view))
    return { status: "True", reason: "QuorumServes", message: "A quorum of the weight is ready and votes" };
  const readable = view.nodes.some((node) => node.status !== undefined);
  if ((snapshot.cluster.status.chainId ?? "") === "" && view.totalWeight === 0)
    return {
      status: "False",
      reason: "NotBegun",
      message: "The network has no genesis yet: it is written once all nodes have shown their keys",
    };
  if (!readable)
    return {
      status: "Unknown",
      reason: "Unreadable",
      message: "No node can be read: check the operator's way to port 8000 of the pods",
    };
  const absent = view.nodes.filter((node) => node.weight > 0 && !node.voting).map(({ id }) => id);
  return {
    status: "False",
    reason: "NoQuorum",
    message: `Less than a quorum is ready and votes: bring node ${absent.join(", ")} back; nothing that was confirmed is lost`,
  };
}

function certificates({ snapshot, view, tls, obstacle }: Facts): Statement {
  if (obstacle !== undefined && authorityFaults.includes(obstacle.reason))
    return { status: "False", reason: obstacle.reason, message: obstacle.message };
  return certificatesReady(snapshot, view, tls, snapshot.cluster.status.disruption?.kind === "Rotation");
}

/** Until the next success. */
function rolledBack({ rollouts }: Snapshot): Statement {
  const last = rollouts.findLast(({ status }) => status.state === "RolledBack" || status.state === "Succeeded");
  return last?.status.state === "RolledBack"
    ? {
        status: "True",
        reason: last.status.rollbackCause || "Release",
        message: `${last.spec.to.version} was rolled back (${last.metadata.name}): ${last.status.rollbackReason ?? ""}`,
      }
    : { status: "False", reason: "NoRollback", message: "The last finished rollout was not rolled back" };
}

/** Only where it is asked for. */
function deletionProtected(snapshot: Snapshot): Statement | undefined {
  if (!snapshot.cluster.spec.deletionProtection) return undefined;
  const missing = deletionGuardMissing(snapshot);
  return missing === undefined
    ? { status: "True", reason: "PolicyStands", message: "The API server refuses to delete this HmnCluster" }
    : {
        status: "False",
        reason: "PolicyMissing",
        message: `spec.deletionProtection guards nothing: ${missing}. Install the chart's admission policies`,
      };
}
