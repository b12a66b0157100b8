import { BACKUP_SUFFIX, LABELS } from "../api/group.ts";
import type { createStore, Thing } from "./world-store.ts";

/** Seconds that a backup's Job takes. */
const JOB_SECONDS = 5;

/** Pods of backups are none. */
export const isNode = ({ metadata }: Thing): boolean =>
  !(metadata.labels[LABELS.cluster] ?? "").endsWith(BACKUP_SUFFIX);

/** What a backup's process says at its end. */
export type Report = { readonly height: number; readonly timeNs: string } | { readonly error: string };

const ended = (container: string, message: string, exitCode: number) => ({
  ...{ name: container, state: { terminated: { exitCode, message } } },
});

/** Of a backup's pod at its end. */
export const endedStatus = (said: Report) =>
  "error" in said
    ? { phase: "Failed", initContainerStatuses: [ended("backup", said.error, 1)], containerStatuses: [] }
    : {
        phase: "Succeeded",
        initContainerStatuses: [
          ended("backup", JSON.stringify({ ...said, bytes: 4_096, manifestSha256: "ab".repeat(32) }), 0),
        ],
        containerStatuses: [ended("check", JSON.stringify({ verified: true, restoreMs: 1_500 }), 0)],
      };

/** The Job controller and the pods of backups: what each says at its end is asked of `report`. */
export function createJobs(
  { objects, put, touch }: ReturnType<typeof createStore>,
  report: (backup: string) => Report,
) {
  const ages = new Map<string, number>();
  return {
    tick: (): void => {
      for (const job of objects("Job")) {
        const { uid, name } = job.metadata;
        const age = (ages.get(uid) ?? 0) + 1;
        ages.set(uid, age);
        if (age !== JOB_SECONDS) continue;
        const said = report(name.replace(/-job$/, ""));
        const { template } = job.spec as { template: { metadata: { labels: Record<string, string> } } };
        put({
          apiVersion: "v1",
          kind: "Pod",
          metadata: {
            name: `${name}-x`,
            labels: { ...template.metadata.labels, "batch.kubernetes.io/job-name": name },
          },
          spec: {},
          status: endedStatus(said),
        });
        job.status =
          "error" in said
            ? { failed: 3, conditions: [{ type: "Failed", status: "True", reason: "BackoffLimitExceeded" }] }
            : { succeeded: 1, conditions: [{ type: "Complete", status: "True" }] };
        touch(job);
      }
    },
  };
}
