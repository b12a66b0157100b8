import { unreachable } from "../../node/base/assert.ts";
import { seconds } from "../../node/base/units.ts";
import { API_VERSION } from "../api/group.ts";
import type { HibernationStatus } from "../api/hibernation.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import { quorumServes } from "../rollout/quorum.ts";
import { podsCommand, specCommand, type Wait } from "../rollout/situation.ts";
import { elapsed, timeText } from "../rollout/time.ts";
import type { View } from "../rollout/view.ts";
import type { Action } from "./actions.ts";

export type Hibernating = {
  readonly status: HibernationStatus | undefined;
  /** Carried out on the strength of what is recorded. */
  readonly acts: readonly Action[];
  readonly wait?: Wait;
};

/** On to sleep or awake, one recorded step after the other. `calm`: nothing else is under way, nor held. */
export function hibernate(snapshot: Snapshot, view: View, calm: boolean): Hibernating {
  const { cluster } = snapshot;
  const { hibernation: status } = cluster.status;
  const wanted = cluster.spec.hibernate;
  const stays: Hibernating = { status, acts: [] };
  if (status === undefined) {
    if (!wanted) return stays;
    return calm ? { ...stays, status: begun(snapshot, view) } : { ...stays, wait: waiting(snapshot, "NotYet", "") };
  }
  const { step } = status;
  switch (step) {
    case "BackingUp":
      if (!wanted) return { ...stays, status: undefined };
      return calm ? backingUp(snapshot, view, status) : { ...stays, wait: waiting(snapshot, "NotYet", "") };
    case "Stopping":
    case "Hibernated": {
      if (!wanted) return { ...stays, status: at(snapshot, status, "Waking") };
      const left = view.nodes.filter(({ pod }) => pod !== undefined).map(({ id }) => id);
      if (left.length > 0)
        return {
          status: step === "Stopping" ? status : at(snapshot, status, "Stopping"),
          acts: [],
          wait: waiting(snapshot, "Stopping", left.join(", ")),
        };
      const wait = waiting(snapshot, "Hibernated", status.backup ?? "");
      return { status: step === "Hibernated" ? status : at(snapshot, status, "Hibernated"), acts: [], wait };
    }
    case "Waking":
      if (wanted) return { ...stays, status: at(snapshot, status, "Stopping") };
      // From here on it is a cluster like any other, whatever it lacks: a certificate authority that has ended, or too many nodes.
      if (quorumServes(view) || isLate(snapshot, status)) return { ...stays, status: undefined };
      return { ...stays, wait: waiting(snapshot, "Waking", "") };
    default:
      return unreachable(step);
  }
}

const isLate = ({ now, cluster: { spec } }: Snapshot, { since }: HibernationStatus): boolean =>
  elapsed(now, since) > seconds(spec.rollout.progressDeadlineSeconds);

const at = (
  { now }: Snapshot,
  before: HibernationStatus | undefined,
  step: HibernationStatus["step"],
): HibernationStatus => ({ ...before, step, since: timeText(now) });

const BACKUP_DIGITS = 12;

function begun(snapshot: Snapshot, view: View): HibernationStatus {
  const { cluster, now, backupSchedules } = snapshot;
  if (backupSchedules.length === 0) return stopping(snapshot, view, undefined);
  const digits = timeText(now)
    .replace(/[^0-9]/g, "")
    .slice(0, BACKUP_DIGITS);
  return { ...at(snapshot, undefined, "BackingUp"), backup: `${cluster.metadata.name}-h${digits}` };
}

const stopping = (snapshot: Snapshot, view: View, before: HibernationStatus | undefined): HibernationStatus => ({
  ...at(snapshot, before, "Stopping"),
  height: Math.max(0, ...view.nodes.map(({ status }) => status?.height ?? 0)),
});

/** Into the store of the first schedule, and kept: what follows may be a long time. */
function backingUp(snapshot: Snapshot, view: View, status: HibernationStatus): Hibernating {
  const { cluster, backups, backupSchedules } = snapshot;
  const { namespace } = cluster.metadata;
  const name = status.backup ?? "";
  const made = backups.find(({ metadata }) => metadata.name === name);
  const [schedule] = backupSchedules;
  if (made === undefined && schedule === undefined) return { status: stopping(snapshot, view, undefined), acts: [] };
  if (made === undefined && schedule !== undefined) {
    const { target, encryptionSecret } = schedule.spec;
    const spec = { cluster: cluster.metadata.name, target, encryptionSecret, schedule: "", keep: 0 };
    const object = { apiVersion: API_VERSION, kind: "HmnBackup", metadata: { name, namespace }, spec };
    return { status, acts: [{ type: "create", object }], wait: waiting(snapshot, "BackingUp", name) };
  }
  if (made?.status.state === "Succeeded") return { status: stopping(snapshot, view, status), acts: [] };
  if (made?.status.state === "Failed")
    return { status, acts: [], wait: waiting(snapshot, "BackupFailed", `${name}: ${made.status.message ?? ""}`) };
  return { status, acts: [], wait: waiting(snapshot, "BackingUp", name) };
}

type Cause = "NotYet" | "BackingUp" | "BackupFailed" | "Stopping" | "Hibernated" | "Waking";

function waiting({ cluster }: Snapshot, cause: Cause, what: string): Wait {
  const where = { cluster: cluster.metadata.name, namespace: cluster.metadata.namespace };
  const pods = podsCommand(where);
  const backups = `kubectl get hmnbackups -n ${where.namespace}`;
  switch (cause) {
    case "NotYet":
      return {
        reason: "Hibernating",
        message:
          "The cluster goes to sleep when nothing else is under way and neither a pause nor the operator's freeze holds it",
        who: "Operator",
        command: specCommand(where),
      };
    case "BackingUp":
      return { reason: "Hibernating", message: `Backup ${what} is made first`, who: "Operator", command: backups };
    case "BackupFailed":
      return {
        reason: "HibernationBackupFailed",
        message: `The cluster stays awake: backup ${what.slice(0, 700)}. Mend the cause and delete that HmnBackup, which makes it anew; or delete the schedules, to sleep without`,
        who: "User",
        command: backups,
      };
    case "Stopping":
      return { reason: "Hibernating", message: `Validator ${what} stops`, who: "Operator", command: pods };
    case "Hibernated":
      return {
        reason: "Hibernated",
        message: `All validators are stopped, their volumes are kept${what === "" ? ", and no backup was made: no HmnBackupSchedule names this cluster" : `, and backup ${what} was made`}. Set spec.hibernate to false to wake it`,
        who: "User",
        command: `kubectl patch hmn ${where.cluster} -n ${where.namespace} --type merge -p '{"spec":{"hibernate":false}}'`,
      };
    case "Waking":
      return {
        reason: "Waking",
        message: "All validators start; a quorum has to serve",
        who: "Operator",
        command: pods,
      };
    default:
      return unreachable(cause);
  }
}

export function hibernationEvents(
  before: HibernationStatus | undefined,
  after: HibernationStatus | undefined,
): readonly Action[] {
  if (before?.step === after?.step) return [];
  const [reason, message] =
    after === undefined
      ? ["Awake", before?.step === "Waking" ? "a quorum serves again" : "it is not to sleep any more"]
      : [after.step, after.backup === undefined ? "" : `backup ${after.backup}`];
  return [
    { type: "event", about: "HmnCluster", severity: "Normal", reason, message: message || "no backup is declared" },
  ];
}
