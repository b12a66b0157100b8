import type { ClusterStatus, Disruption, Quarantined, WaitingFor } from "../api/cluster.ts";
import type { GrowthStatus } from "../api/growth.ts";
import type { HibernationStatus } from "../api/hibernation.ts";
import type { ProtocolStatus } from "../api/protocol.ts";
import type { Repair } from "../api/repairs.ts";
import type { RestoreStatus } from "../api/restore.ts";
import type { ScaleStatus } from "../api/scale.ts";
import type { TlsStatus } from "../api/tls.ts";
import type { TuningStatus } from "../api/tuning.ts";
import type { RolloutObject, Snapshot } from "../observe/snapshot.ts";
import { isHealthy, reasonOf } from "../rollout/replace.ts";
import { podsCommand, type Wait } from "../rollout/situation.ts";
import { timeText } from "../rollout/time.ts";
import type { View } from "../rollout/view.ts";
import { newestBackup } from "./backups.ts";
import { coherenceOf, emergencyWait } from "./coherence.ts";
import { conditions, type Facts, stalledReasons } from "./conditions.ts";
import { currentImage } from "./image.ts";
import { observerStatuses, observersMissing } from "./observers.ts";
import type { Obstacle } from "./plan.ts";
import type { Replacing } from "./replacement.ts";
import { trustOf } from "./trust.ts";
import { validatorStatuses } from "./validators.ts";

export type Outcome = {
  readonly active: RolloutObject | undefined;
  readonly target: string;
  readonly current: { readonly revision: string; readonly version: string };
  readonly slot: Disruption | undefined;
  readonly tls: TlsStatus;
  readonly scaling: {
    readonly size: number | undefined;
    readonly scale: ScaleStatus | undefined;
    readonly wanted: number;
  };
  readonly protocol: ProtocolStatus | undefined;
  readonly tuning: TuningStatus | undefined;
  readonly growth: GrowthStatus | undefined;
  readonly restore: RestoreStatus | undefined;
  readonly hibernation: HibernationStatus | undefined;
  readonly replacing: Pick<Replacing, "status" | "incarnations">;
  readonly wait: Wait | undefined;
  /** What goes on beside everything else: the cause of waiting when there is no other. */
  readonly background: Wait | undefined;
  readonly obstacle: Obstacle | undefined;
  readonly repairs: readonly Repair[];
  readonly quarantine: readonly Quarantined[];
  readonly retryHandled: string;
};

/** The whole status, of which only what changed is news: times of unchanged statements stay. */
export function clusterStatus(snapshot: Snapshot, view: View, outcome: Outcome): ClusterStatus {
  const { cluster, rollouts } = snapshot;
  const { active, target, current, scaling, replacing } = outcome;
  // A step that only records says nothing about waiting: what was waited for stands until the next one.
  const coherence = coherenceOf(view, cluster.status.coherence);
  const { name, namespace } = cluster.metadata;
  const wait =
    outcome.wait ??
    (active === undefined
      ? (nodesMissing(snapshot, view, current.revision) ??
        observersMissing(snapshot, view) ??
        emergencyWait(coherence, { cluster: name, namespace }) ??
        outcome.background)
      : cluster.status.waitingFor);
  const trustAnchor = trustOf(view, cluster.status.trustAnchor);
  const backup = newestBackup(snapshot) ?? cluster.status.backup;
  const image = currentImage(snapshot, view, current.revision);
  const phase = phaseOf(snapshot, outcome, wait);
  const facts: Facts = {
    ...{ snapshot, view, target, current: current.revision, phase, wait, image },
    obstacle: outcome.obstacle,
    tls: outcome.tls,
    changing: isScaling(outcome) || replacing.status !== undefined || outcome.growth !== undefined,
  };
  const ready = view.nodes.filter((node) => node.podReady).length;
  const waitingFor = waiting(snapshot, outcome, wait);
  return {
    observedGeneration: cluster.metadata.generation,
    conditions: [...conditions(facts, cluster.status.conditions ?? [])],
    phase,
    chainId: view.nodes.find((node) => node.voting)?.status?.chainId ?? cluster.status.chainId ?? "",
    ...(coherence === undefined ? {} : { coherence }),
    ...(trustAnchor === undefined ? {} : { trustAnchor }),
    ...(backup === undefined ? {} : { backup }),
    ...(outcome.restore === undefined ? {} : { restore: outcome.restore }),
    ...(outcome.hibernation === undefined ? {} : { hibernation: outcome.hibernation }),
    currentRevision: current.revision,
    currentVersion: current.version,
    ...(image === undefined ? {} : { currentImage: image }),
    targetRevision: target,
    readyValidators: ready,
    updatedValidators: view.nodes.filter((node) => node.podRevision === target).length,
    totalValidators: view.nodes.length,
    ready: `${ready}/${view.nodes.length}`,
    rollout: active?.metadata.name ?? rollouts.at(-1)?.metadata.name ?? "",
    lastRolloutNumber: Math.max(cluster.status.lastRolloutNumber ?? 0, ...rollouts.map(({ spec }) => spec.number)),
    ...(scaling.size === undefined ? {} : { size: scaling.size }),
    ...(scaling.scale === undefined ? {} : { scale: scaling.scale }),
    ...(outcome.growth === undefined ? {} : { growth: outcome.growth }),
    ...(replacing.status === undefined ? {} : { replacement: replacing.status }),
    ...(replacing.incarnations.length === 0 ? {} : { incarnations: [...replacing.incarnations] }),
    ...(outcome.protocol === undefined ? {} : { protocol: outcome.protocol }),
    tls: outcome.tls,
    ...(outcome.slot === undefined ? {} : { disruption: outcome.slot }),
    ...(outcome.tuning === undefined ? {} : { tuning: outcome.tuning }),
    ...(waitingFor === undefined ? {} : { waitingFor }),
    validators: validatorStatuses(snapshot, view),
    ...(view.observers.length === 0 ? {} : { observers: observerStatuses(snapshot, view) }),
    ...(outcome.repairs.length === 0 ? {} : { repairs: [...outcome.repairs] }),
    quarantine: [...outcome.quarantine],
    retryHandled: outcome.retryHandled,
  };
}

/** Without a rollout, a node that is away is what the cluster waits for. */
function nodesMissing(snapshot: Snapshot, view: View, current: string): Wait | undefined {
  if (current === "") return undefined;
  const sick = view.nodes.filter((node) => !isHealthy(node));
  const [first] = sick;
  if (first === undefined) return undefined;
  const { name, namespace } = snapshot.cluster.metadata;
  return {
    reason: "NodesNotReady",
    message: `Node ${sick.map(({ id }) => id).join(", ")} is not ready and caught up${reasonOf(first)}`,
    who: "Platform",
    command: podsCommand({ cluster: name, namespace }),
  };
}

function waiting(snapshot: Snapshot, { obstacle }: Outcome, wait: Wait | undefined): WaitingFor | undefined {
  const { status } = snapshot.cluster;
  const cause: Wait | undefined = obstacle === undefined ? wait : { ...obstacle, who: "User" };
  if (cause === undefined) return undefined;
  const before = status.waitingFor;
  const since = before?.reason === cause.reason ? before.since : timeText(snapshot.now);
  return { ...cause, message: cause.message.slice(0, 1024), command: cause.command.slice(0, 512), since };
}

const isScaling = ({ scaling: { size, scale, wanted } }: Outcome): boolean =>
  scale !== undefined || (size !== undefined && size !== wanted);

function phaseOf({ cluster }: Snapshot, outcome: Outcome, wait: Wait | undefined): NonNullable<ClusterStatus["phase"]> {
  const { active, current, obstacle, replacing } = outcome;
  if (stalledReasons.includes(obstacle?.reason ?? wait?.reason ?? "")) return "Stalled";
  const step = outcome.hibernation?.step;
  if (step !== undefined) return step === "Hibernated" || step === "Waking" ? step : "Hibernating";
  if (cluster.spec.paused && (active !== undefined || wait?.reason === "Paused")) return "Paused";
  const isReplacing = replacing.status !== undefined && replacing.status.step !== "Lost";
  if (active === undefined && isReplacing) return "Replacing";
  if (active === undefined && isScaling(outcome)) return "Scaling";
  if (active === undefined) return current.revision === "" ? "Pending" : "Running";
  if (active.status.state === "RollingBack") return "RollingBack";
  return active.spec.kind === "FirstDeployment" ? "BringingUp" : "RollingOut";
}
