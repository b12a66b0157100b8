import type { V1Job, V1Pod } from "@kubernetes/client-node";
import { type Millis, NANOS_PER_MILLI } from "../../node/base/units.ts";
import type { BackupStatus } from "../api/backup.ts";
import { timeText } from "../rollout/time.ts";
import { STEPS } from "./job.ts";

const MESSAGE_MAX = 900;

/** What became of a backup by its Job and the last words of its containers; undefined while it runs. */
export function outcomeOf(job: V1Job, pods: readonly V1Pod[], now: Millis): BackupStatus | undefined {
  const completionTime = timeText(now);
  if ((job.status?.succeeded ?? 0) > 0) {
    const words = pods.map((pod) => ({ ...wordOf(pod, STEPS.write), ...wordOf(pod, STEPS.check) }));
    const said = words.find(({ verified }) => verified === true);
    const { height, timeNs, bytes, manifestSha256, restoreMs } = said ?? {};
    if (typeof height !== "number" || typeof timeNs !== "string" || !/^[0-9]{1,19}$/.test(timeNs))
      return failed(
        completionTime,
        "Its Job ended well, but its pod is gone, and with it the report: make another one",
      );
    return {
      ...{ state: "Succeeded", completionTime, verified: true, message: "", height },
      blockTime: new Date(Number(BigInt(timeNs) / NANOS_PER_MILLI)).toISOString(),
      ...(typeof bytes === "number" ? { bytes } : {}),
      ...(typeof manifestSha256 === "string" ? { manifestSha256: manifestSha256.slice(0, 64) } : {}),
      ...(typeof restoreMs === "number" ? { restoreSeconds: Math.ceil(restoreMs / 1_000) } : {}),
    };
  }
  const end = job.status?.conditions?.find(({ type, status }) => type === "Failed" && status === "True");
  if (end === undefined) return undefined;
  const last = pods.flatMap((pod) => lastWords(pod)).at(-1) ?? end.message ?? "";
  return failed(completionTime, `${end.reason ?? "Failed"}: ${last.slice(-MESSAGE_MAX)}`);
}

/** What the pod of a backup waits for, in its own words; empty where it runs. */
export function waitOf(pods: readonly V1Pod[]): string {
  for (const pod of pods) {
    const unplaced = pod.status?.conditions?.find(({ type, status }) => type === "PodScheduled" && status === "False");
    const stuck = statuses(pod).find(({ state }) => state?.waiting?.message !== undefined)?.state?.waiting;
    const why = unplaced?.message ?? (stuck === undefined ? undefined : `${stuck.reason}: ${stuck.message}`);
    if (why !== undefined) return `Its pod ${pod.metadata?.name} waits: ${why}`.slice(0, MESSAGE_MAX);
  }
  return "";
}

const failed = (completionTime: string, message: string): BackupStatus => ({
  ...{ state: "Failed", completionTime, verified: false, message },
});

const statuses = ({ status }: V1Pod) => [
  ...(status?.initContainerStatuses ?? []),
  ...(status?.containerStatuses ?? []),
];

/** What a step reported. It is a pod's word: each field is looked at before it is believed. */
function wordOf(pod: V1Pod, step: string): Readonly<Record<string, unknown>> {
  const text = statuses(pod).find(({ name }) => name === step)?.state?.terminated?.message;
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

const lastWords = (pod: V1Pod): readonly string[] =>
  statuses(pod).flatMap(({ name, state }) => {
    const { exitCode, message } = state?.terminated ?? {};
    return exitCode === undefined || exitCode === 0 ? [] : [`${name}: ${(message ?? "").trim()}`];
  });
