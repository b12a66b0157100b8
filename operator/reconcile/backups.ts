import type { BackupStatus, ClusterBackup } from "../api/backup.ts";
import { API_VERSION } from "../api/group.ts";
import { backupJob, jobName, type Source } from "../backup/job.ts";
import { outcomeOf, waitOf } from "../backup/outcome.ts";
import { turnOf } from "../backup/schedule.ts";
import { equalJson } from "../desired/hash.ts";
import { genesisName } from "../desired/names.ts";
import type { BackupObject, Snapshot } from "../observe/snapshot.ts";
import { isHealthy } from "../rollout/replace.ts";
import { timeText } from "../rollout/time.ts";
import type { NodeView, View } from "../rollout/view.ts";
import type { Action } from "./actions.ts";

/** The label by which Kubernetes ties a pod to its Job. */
const JOB_LABEL = "batch.kubernetes.io/job-name";

/** What backups and their schedules ask for now. A Job is made when the status says from whose data. */
export function backups(snapshot: Snapshot, view: View): readonly Action[] {
  const turns = snapshot.backupSchedules.map((schedule) => ({
    schedule,
    ...turnOf(schedule, snapshot.backups, snapshot.now),
  }));
  return [
    ...turns.flatMap(({ schedule: { metadata, status: before }, status }): Action[] =>
      equalJson(before, status) ? [] : [{ type: "status", kind: "HmnBackupSchedule", ...identity(metadata), status }],
    ),
    ...turns.flatMap(({ due }): Action[] => (due === undefined ? [] : [{ type: "create", object: due }])),
    ...turns.flatMap(({ expired }) =>
      expired.map(
        ({ metadata: { name, uid } }): Action => ({
          type: "delete",
          apiVersion: API_VERSION,
          kind: "HmnBackup",
          name,
          uid,
        }),
      ),
    ),
    ...snapshot.backups
      .filter(({ status }) => status.completionTime === undefined)
      .flatMap((backup) => backupActions(snapshot, view, backup)),
  ];
}

const identity = ({ name, resourceVersion }: { name: string; resourceVersion: string }) => ({ name, resourceVersion });

function backupActions(snapshot: Snapshot, view: View, backup: BackupObject): readonly Action[] {
  const { metadata, status } = backup;
  const record = (next: BackupStatus): Action[] => {
    const whole = { ...status, ...next };
    if (equalJson(whole, status)) return [];
    return [{ type: "status", kind: "HmnBackup", ...identity(metadata), status: whole }];
  };
  const name = jobName(metadata.name);
  const job = snapshot.jobs.find((one) => one.metadata?.name === name);
  if (job !== undefined) {
    const pods = snapshot.backupPods.filter((pod) => pod.metadata?.labels?.[JOB_LABEL] === name);
    return record(outcomeOf(job, pods, snapshot.now) ?? { state: "Running", message: waitOf(pods) });
  }
  const wait = waitFor(snapshot, backup);
  const node = view.nodes.find(({ id }) => id === status.validator) ?? sourceIn(snapshot, view, backup);
  const source = sourceOf(node);
  if (wait !== undefined || node === undefined || source === undefined)
    return record({
      state: "Pending",
      message: wait ?? "Waits for a validator that is ready, caught up and on a host",
    });
  if (status.state !== "Running")
    return record({ state: "Running", startTime: timeText(snapshot.now), validator: node.id, message: "" });
  const { cluster } = snapshot;
  const chainId = cluster.status.chainId ?? "";
  return [{ type: "create", object: backupJob(backup, cluster, { ...source, chainId }) }];
}

/** One at a time: each reads a whole log beside a node that has work to do. */
function waitFor(
  { backups: all, cluster, configMaps }: Snapshot,
  { metadata, status }: BackupObject,
): string | undefined {
  const begun = configMaps.some((object) => object.metadata?.name === genesisName(cluster.metadata.name));
  if (!begun || (cluster.status.chainId ?? "") === "") return "Waits for the network's first block";
  if (status.state === "Running") return undefined;
  const running = all.find((other) => other.status.state === "Running");
  const [first] = all.filter((other) => other.status.completionTime === undefined).toSorted(byAge);
  const ahead = running ?? (first?.metadata.name === metadata.name ? undefined : first);
  return ahead === undefined ? undefined : `Waits for ${ahead.metadata.name}: one backup of a cluster runs at a time`;
}

const byAge = ({ metadata: a }: BackupObject, { metadata: b }: BackupObject): number => {
  const [one, other] = [a, b].map(({ creationTimestamp, name }) => `${creationTimestamp} ${name}`);
  return (one ?? "") < (other ?? "") ? -1 : 1;
};

/**
 * Whom it disturbs least: the lightest, and of equals the last. A claim may lie on one host alone: who could write to it last time can again,
 * wherever weights have moved since.
 */
function sourceIn({ backups: all }: Snapshot, view: View, { spec }: BackupObject): NodeView | undefined {
  const { claimName } = spec.target;
  const good = all.filter((one) => one.status.state === "Succeeded" && one.spec.target.claimName === claimName);
  const last = claimName === undefined ? undefined : good.toSorted(byAge).at(-1)?.status.validator;
  const healthy = view.nodes.filter(isHealthy).toSorted((a, b) => a.weight - b.weight || b.id - a.id);
  return healthy.find(({ id }) => id === last) ?? healthy[0];
}

function sourceOf(node: NodeView | undefined): Source | undefined {
  const pod = node?.pod?.metadata?.name;
  const { image, imagePullPolicy = "IfNotPresent" } = node?.pod?.spec?.containers[0] ?? {};
  if (node === undefined || pod === undefined || image === undefined || node.host === "") return undefined;
  // As a StatefulSet names the claims of its pods.
  return { validator: node.id, claim: `data-${pod}`, host: node.host, image, imagePullPolicy };
}

/** The newest good backup: what the cluster could be made anew from. */
export function newestBackup({ backups: all }: Pick<Snapshot, "backups">): ClusterBackup | undefined {
  const good = all.filter(({ status }) => status.state === "Succeeded" && status.blockTime !== undefined);
  const newest = good.toSorted((a, b) => (a.status.height ?? 0) - (b.status.height ?? 0)).at(-1);
  if (newest === undefined) return undefined;
  const { height = 0, blockTime = "", restoreSeconds = 0 } = newest.status;
  return { name: newest.metadata.name, height, blockTime, restoreSeconds };
}

/** Whether what would be lost is within what its schedules allow; nothing is said of a cluster without one. */
export function backupCurrent(snapshot: Snapshot) {
  if (snapshot.backupSchedules.length === 0) return undefined;
  const objective = Math.min(...snapshot.backupSchedules.map(({ spec }) => spec.objectiveSeconds));
  const newest = newestBackup(snapshot);
  if (newest === undefined)
    return {
      ...({ status: "False", reason: "NoBackup" } as const),
      message: "There is no good backup yet: look at the HmnBackups of this namespace",
    };
  const said = `The newest good backup is ${newest.name}, of ${newest.blockTime}; the objective is ${objective} s`;
  return snapshot.now - Date.parse(newest.blockTime) <= 1_000 * objective
    ? ({ status: "True", reason: "WithinObjective", message: said } as const)
    : ({
        status: "False",
        reason: "TooOld",
        message: `${said}. Look at its schedule and the HmnBackups that failed`,
      } as const);
}
