import { type Millis, millis } from "../../node/base/units.ts";
import type { BackupScheduleSpec, BackupScheduleStatus } from "../api/backup.ts";
import { API_VERSION } from "../api/group.ts";
import type { BackupObject, BackupScheduleObject } from "../observe/snapshot.ts";
import type { KubeObject } from "../reconcile/actions.ts";
import { lastTime, parseCron } from "./cron.ts";

/** Missed times further back are not made up for. */
const LOOK_BACK_MS = 86_400_000;
const CRON_UNREADABLE = "spec.schedule is no schedule that ever comes: write five fields as in cron, e.g. 0 */6 * * *";

export type Turn = {
  readonly status: BackupScheduleStatus;
  /** The backup that is due now. */
  readonly due: KubeObject | undefined;
  /** Records beyond what is kept. */
  readonly expired: readonly BackupObject[];
};

/** What a schedule asks for now. The time is recorded first; the backup is made when the record says so, so that none is made twice. */
export function turnOf(schedule: BackupScheduleObject, backups: readonly BackupObject[], now: Millis): Turn {
  const { metadata, spec, status } = schedule;
  const own = backups.filter((backup) => backup.spec.schedule === metadata.name);
  const expired = beyond(own, spec.keep);
  const cron = parseCron(spec.schedule);
  if (cron === undefined) return { status: { ...status, message: CRON_UNREADABLE }, due: undefined, expired };
  const created = Date.parse(metadata.creationTimestamp);
  const after = Math.max(Date.parse(status.lastTime ?? "") || created, now - LOOK_BACK_MS);
  const time = spec.suspend ? undefined : lastTime(cron, { after: millis(after), now });
  // One at a time: what comes due meanwhile is made up for when it has ended.
  const busy = own.some((backup) => backup.status.completionTime === undefined);
  if (time !== undefined && !busy) {
    const name = `${metadata.name}-${digits(time)}`;
    const lastRecorded = { lastTime: new Date(time).toISOString(), lastBackup: name, message: "" };
    return { status: lastRecorded, due: undefined, expired };
  }
  const { lastBackup = "" } = status;
  const made = lastBackup === "" || own.some((backup) => backup.metadata.name >= lastBackup);
  return { status: { ...status, message: "" }, due: made ? undefined : backupOf(schedule, lastBackup, spec), expired };
}

/** Oldest first of those that may go: the newest good ones stay, and as many failed ones. */
function beyond(own: readonly BackupObject[], keep: number): readonly BackupObject[] {
  const byTime = own.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  return (["Succeeded", "Failed"] as const).flatMap((state) =>
    byTime.filter((backup) => backup.status.state === state).slice(0, -keep),
  );
}

/** Minutes are what cron tells apart; in the order of time they are in the order of names. */
const digits = (time: Millis): string =>
  new Date(time)
    .toISOString()
    .replace(/[^0-9]/g, "")
    .slice(0, 12);

const backupOf = (
  { metadata }: BackupScheduleObject,
  name: string,
  { cluster, target, encryptionSecret, keep }: BackupScheduleSpec,
): KubeObject => ({
  apiVersion: API_VERSION,
  kind: "HmnBackup",
  metadata: { name, namespace: metadata.namespace },
  spec: { cluster, target, encryptionSecret, keep, schedule: metadata.name },
});
