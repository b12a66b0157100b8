import type { V1Pod } from "@kubernetes/client-node";
import { EXIT_CODES, type NodeStatus } from "../../node/api/contract.ts";
import { type Millis, seconds } from "../../node/base/units.ts";
import { restoreFailure, restoreStatus } from "./restore-failure.ts";
import { timeOf } from "./time.ts";

/** What keeps a node from serving. `release` problems come from the release itself, the others from what is around it. */
export type Problem = {
  readonly kind:
    | "ImagePull"
    | "CrashLoop"
    | "Damaged"
    | "Unschedulable"
    | "Volume"
    | "Container"
    | "DiskFull"
    | "Unreachable"
    | "Restore";
  readonly message: string;
  /** It has stood long enough to be acted on. */
  readonly established: boolean;
};

/** Three crashes are a crash loop, whatever the kubelet's back-off says. */
const CRASHES_MAX = 3;
/** A registry may stumble once; an image that is still missing then is missing. */
const PULL_PATIENCE = seconds(20);
/** A host may be free only when the evicted pod's remains are gone. */
const SCHEDULING_PATIENCE = seconds(60);

const pullReasons = ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"];
const containerReasons = ["CreateContainerConfigError", "CreateContainerError", "RunContainerError"];

const clip = (text: string, length = 300): string => (text.length <= length ? text : `${text.slice(0, length - 1)}…`);

export function problemOf(
  pod: V1Pod | undefined,
  reading: { readonly status: NodeStatus } | { readonly unreachable: string } | undefined,
  now: Millis,
): Problem | undefined {
  if (pod === undefined || pod.metadata?.deletionTimestamp !== undefined) return undefined;
  return scheduling(pod, now) ?? container(pod, now) ?? restore(pod) ?? node(pod, reading);
}

function scheduling(pod: V1Pod, now: Millis): Problem | undefined {
  const condition = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (condition?.status !== "False") return undefined;
  const message = clip(condition.message ?? "the scheduler gives no reason");
  const since = timeOf(condition.lastTransitionTime) ?? now;
  const established = now - since >= SCHEDULING_PATIENCE;
  // The scheduler names volumes and claims in its message only; there is no reason of its own for them. That other hosts
  // don't hold the volume ("volume node affinity conflict") is so for every local volume, and not what holds the pod up.
  return /unbound|persistentvolumeclaim "|available persistent volumes/i.test(message)
    ? {
        kind: "Volume",
        message: `its volume holds it up: ${message}. Check the StorageClass and the claim`,
        established,
      }
    : { kind: "Unschedulable", message: `no host takes it: ${message}. Add hosts or free room on them`, established };
}

/** How often the container of a pod has crashed. */
export function crashes(pod: V1Pod): number {
  const container = pod.status?.containerStatuses?.find(({ name }) => name === "node");
  if (container === undefined) return 0;
  const downNow = container.state?.waiting?.reason === "CrashLoopBackOff" || container.state?.terminated !== undefined;
  return container.restartCount + (downNow ? 1 : 0);
}

function container(pod: V1Pod, now: Millis): Problem | undefined {
  const node = pod.status?.containerStatuses?.find(({ name }) => name === "node");
  // The node's waits for the one before it to end.
  const before = restoreStatus(pod);
  const status = before === undefined || before.state?.terminated?.exitCode === 0 ? node : before;
  const waiting = status?.state?.waiting;
  const reason = waiting?.reason ?? "";
  const detail = waiting?.message === undefined ? "" : `: ${clip(waiting.message, 200)}`;
  if (pullReasons.includes(reason)) {
    const since = timeOf(pod.status?.startTime) ?? now;
    return {
      kind: "ImagePull",
      message: `image ${status?.image ?? ""} cannot be pulled (${reason}${detail}). Check spec.image.reference and the registry`,
      established: now - since >= PULL_PATIENCE,
    };
  }
  if (containerReasons.includes(reason))
    return { kind: "Container", message: `its container cannot be made (${reason}${detail})`, established: false };
  const times = crashes(pod);
  const ended = status?.state?.terminated ?? status?.lastState?.terminated;
  const damage = damageOf(ended?.exitCode);
  if (times > 0 && status === node && status?.ready !== true && damage !== undefined)
    return {
      kind: "Damaged",
      message: `${damage} on its volume is damaged, says its release. Read its log: kubectl logs --previous`,
      established: times >= CRASHES_MAX,
    };
  if (times > 0 && status === node && status?.ready !== true && ended !== undefined)
    return {
      kind: "CrashLoop",
      message: `its process ended ${times === 1 ? "once" : `${times} times`}, last with exit code ${ended.exitCode}${ended.reason === "OOMKilled" ? " (out of memory: raise spec.resources.memory)" : ""}. Read its log: kubectl logs --previous`,
      established: times >= CRASHES_MAX,
    };
  return undefined;
}

function restore(pod: V1Pod): Problem | undefined {
  const failure = restoreFailure(pod);
  if (failure === undefined) return undefined;
  return {
    kind: "Restore",
    message: `the backup does not come onto its volume: ${clip(failure.detail)}`,
    established: (restoreStatus(pod)?.restartCount ?? 0) >= CRASHES_MAX,
  };
}

function node(
  pod: V1Pod,
  reading: { readonly status: NodeStatus } | { readonly unreachable: string } | undefined,
): Problem | undefined {
  if (reading !== undefined && "status" in reading && !reading.status.storage.writable)
    return {
      kind: "DiskFull",
      message: `its volume takes no writes: ${clip(reading.status.storage.reason)}. Free or enlarge the volume`,
      established: false,
    };
  const running = pod.status?.containerStatuses?.some(({ name, ready }) => name === "node" && ready) ?? false;
  if (running && reading !== undefined && "unreachable" in reading)
    return {
      kind: "Unreachable",
      message: `the operator cannot read it: ${clip(reading.unreachable)}`,
      established: false,
    };
  return undefined;
}

function damageOf(exitCode: number | undefined): string | undefined {
  if (exitCode === EXIT_CODES.dataDamaged) return "the log or the snapshot";
  return exitCode === EXIT_CODES.votesDamaged ? "the vote key or the vote journal" : undefined;
}

export const isDamaged = (problem: Problem | undefined): boolean => problem?.kind === "Damaged";

/** Problems of what is around a release: going back is right, but the release is not to blame. One that calls data damaged may be wrong itself. */
export function isEnvironment(kind: Problem["kind"]): boolean {
  return kind !== "CrashLoop" && kind !== "Damaged";
}
