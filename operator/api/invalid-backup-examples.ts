import { API_VERSION } from "./group.ts";
import { account, type Example, type InvalidExample, validCluster } from "./valid-examples.ts";

const source = { cluster: "payments", target: { claimName: "backups" }, encryptionSecret: "backup-key" };

export const validBackup = (changes: Example = {}, rest: Example = {}): Example => ({
  apiVersion: API_VERSION,
  kind: "HmnBackup",
  metadata: { name: "payments-once" },
  spec: { ...source, ...changes },
  ...rest,
});

export const validBackupSchedule = (changes: Example = {}, rest: Example = {}): Example => ({
  apiVersion: API_VERSION,
  kind: "HmnBackupSchedule",
  metadata: { name: "payments-nightly" },
  spec: { ...source, schedule: "0 2 * * *", ...changes },
  ...rest,
});

const s3 = { bucket: "backups", credentialsSecret: "s3" };

/** The rules of backups and their schedules. */
export const invalidBackupExamples: readonly InvalidExample[] = [
  {
    name: "a backup that goes nowhere",
    field: "spec.target",
    object: validBackup({ target: {} }),
    expect: "the target must be either claimName or s3",
  },
  {
    name: "a schedule with two targets",
    field: "spec.target",
    object: validBackupSchedule({ target: { claimName: "backups", s3 } }),
    expect: "the target must be either claimName or s3",
  },
  {
    name: "another target of a backup",
    field: "spec",
    before: validBackup(),
    object: validBackup({ target: { s3 } }),
    expect: "an HmnBackup is one backup and cannot be changed",
  },
  {
    name: "a backup whose Job could not be named after it",
    field: "metadata.name",
    object: validBackup({}, { metadata: { name: "a".repeat(58) } }),
    expect: "the name of an HmnBackup must be at most 57 characters",
  },
  {
    name: "a schedule whose backups could not be named after it",
    field: "metadata.name",
    object: validBackupSchedule({}, { metadata: { name: "a".repeat(45) } }),
    expect: "the name of an HmnBackupSchedule must be at most 44 characters",
  },
  {
    name: "a schedule in words",
    field: "spec.schedule",
    object: validBackupSchedule({ schedule: "every night" }),
    expect: "spec.schedule",
  },
  {
    name: "a schedule that keeps nothing",
    field: "spec.keep",
    object: validBackupSchedule({ keep: 0 }),
    expect: "spec.keep",
  },
  {
    name: "another end of a backup",
    field: "status",
    before: validBackup({}, { status: { state: "Failed", completionTime: "2026-01-01T00:00:00Z" } }),
    object: validBackup({}, { status: { state: "Succeeded", completionTime: "2026-01-01T00:00:00Z" } }),
    subresource: "status",
    expect: "what became of an HmnBackup is a record and cannot be changed",
  },
  {
    name: "a restore from a store without its key",
    field: "spec.restoreFrom",
    object: validCluster({ restoreFrom: { backup: "daily-1", target: { s3 } } }),
    expect: "target and encryptionSecret belong together",
  },
  {
    name: "a restore with accounts of its own",
    field: "spec",
    object: validCluster({
      restoreFrom: { backup: "daily-1" },
      genesis: { accounts: [account("18446744073709551616")] },
    }),
    expect: "spec.genesis.accounts must be empty with spec.restoreFrom",
  },
  {
    name: "another backup of a network that has begun",
    field: "<nil>",
    before: { ...validCluster({ restoreFrom: { backup: "daily-1" } }), status: { chainId: "ab".repeat(32) } },
    statusOfBefore: true,
    object: validCluster({ restoreFrom: { backup: "daily-2" } }),
    expect: "spec.restoreFrom cannot be changed once the network has begun",
  },
];
