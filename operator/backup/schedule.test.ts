import { expect, test } from "vitest";
import { millis } from "../../node/base/units.ts";
import type { BackupScheduleStatus, BackupStatus } from "../api/backup.ts";
import type { BackupObject, BackupScheduleObject, Metadata } from "../observe/snapshot.ts";
import { turnOf } from "./schedule.ts";

const metadata = (name: string): Metadata => ({
  ...{ name, namespace: "test", uid: name, resourceVersion: "1", generation: 1, labels: {}, annotations: {} },
  ...{ creationTimestamp: "2026-01-01T00:00:00Z", deleting: false },
});
const source = { cluster: "payments", target: { claimName: "backups" }, encryptionSecret: "key" };
const hourly = (status: BackupScheduleStatus = {}, suspend = false): BackupScheduleObject => ({
  metadata: metadata("hourly"),
  spec: { ...source, schedule: "0 * * * *", suspend, keep: 2, objectiveSeconds: 7_200 },
  status,
});
const backup = (digits: string, status: BackupStatus): BackupObject => ({
  metadata: metadata(`hourly-${digits}`),
  spec: { ...source, schedule: "hourly", keep: 2 },
  status,
});
const at = (text: string) => millis(Date.parse(`2026-01-02T${text}Z`));
const ended = (state: "Succeeded" | "Failed"): BackupStatus => ({ state, completionTime: "2026-01-02T01:00:00Z" });

test("a time is recorded before the backup is made, which is made once", () => {
  const first = turnOf(hourly(), [], at("03:10:00"));
  expect(first).toMatchObject({
    status: { lastTime: "2026-01-02T03:00:00.000Z", lastBackup: "hourly-202601020300" },
    due: undefined,
  });
  const second = turnOf(hourly(first.status), [], at("03:10:01"));
  expect(second.status).toEqual(first.status);
  expect(second.due).toMatchObject({ kind: "HmnBackup", metadata: { name: "hourly-202601020300" }, spec: { keep: 2 } });
  expect(turnOf(hourly(first.status), [backup("202601020300", {})], at("03:10:02")).due).toBeUndefined();
});

test("times that passed meanwhile are made up for by one backup, once the one before has ended", () => {
  const recorded = { lastTime: "2026-01-02T03:00:00.000Z", lastBackup: "hourly-202601020300", message: "" };
  const busy = turnOf(hourly(recorded), [backup("202601020300", { state: "Running" })], at("07:30:00"));
  expect(busy).toMatchObject({ status: recorded, due: undefined });
  const free = turnOf(hourly(recorded), [backup("202601020300", ended("Succeeded"))], at("07:30:00"));
  expect(free.status).toMatchObject({ lastBackup: "hourly-202601020700" });
});

test("nothing is made while it is suspended, and of the future nothing either", () => {
  expect(turnOf(hourly({}, true), [], at("03:10:00"))).toMatchObject({ status: { message: "" }, due: undefined });
  const recorded = { lastTime: "2026-01-02T03:00:00.000Z", lastBackup: "hourly-202601020300", message: "" };
  const made = [backup("202601020300", ended("Failed"))];
  expect(turnOf(hourly(recorded), made, at("03:59:59")).status).toEqual(recorded);
});

test("the newest good ones are kept, and as many failed ones; what runs is", () => {
  const all = [
    ...["01", "02", "03", "05"].map((hour) => backup(`20260102${hour}00`, ended("Succeeded"))),
    ...["04", "06"].map((hour) => backup(`20260102${hour}00`, ended("Failed"))),
    backup("202601020700", { state: "Running" }),
    { ...backup("202601020000", ended("Succeeded")), spec: { ...source, schedule: "", keep: 0 } },
  ];
  const { expired } = turnOf(hourly(), all, at("07:10:00"));
  expect(expired.map((one) => one.metadata.name)).toEqual(["hourly-202601020100", "hourly-202601020200"]);
});
