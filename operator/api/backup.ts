import { z } from "zod";
import { type CelRule, cel, timeField } from "./fields.ts";

const name = (max: number, description: string) => z.string().min(1).max(max).describe(description);
export const objectName = (description: string) => name(253, description).regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);

export const targetSchema = z
  .object({
    claimName: objectName(
      "PersistentVolumeClaim that backups are written to; its volume has to be reachable from the hosts of the validators.",
    ).optional(),
    s3: z
      .object({
        bucket: name(63, "The bucket, which has to exist.").regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/),
        prefix: z
          .string()
          .max(256)
          .regex(/^([A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*)?$/)
          .default("")
          .describe("Where in the bucket, e.g. production/payments."),
        endpoint: z
          .string()
          .max(512)
          .regex(/^https?:\/\/[^\s]+$/)
          .optional()
          .describe("URL of a store that speaks the S3 protocol and is not Amazon's."),
        region: name(64, "Region of the bucket.").default("us-east-1"),
        credentialsSecret: objectName(
          "Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, in the same namespace.",
        ),
      })
      .optional()
      .describe("A bucket of Amazon's S3 or of a store that speaks its protocol."),
  })
  .describe("Where backups lie: one of the two.")
  .meta(
    cel({
      rule: "has(self.claimName) != has(self.s3)",
      message: "the target must be either claimName or s3: give one of them",
    }),
  );

export const encryptionSecretField = objectName(
  "Secret whose entry `key` encrypts the backup: 32 bytes, or 64 hexadecimal digits. Keep a copy elsewhere: without it nothing comes back.",
);

const backupSource = {
  cluster: objectName("Name of the HmnCluster, in the same namespace."),
  target: targetSchema,
  encryptionSecret: encryptionSecretField,
};

const namedAfter = (kind: string, max: number): CelRule => ({
  rule: `size(self.metadata.name) <= ${max} && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')`,
  message: `the name of an ${kind} must be at most ${max} characters, and only a-z, 0-9 and '-': Jobs are named after it; choose a shorter or plainer name`,
});
export const backupNameRule = namedAfter("HmnBackup", 57);
/** A backup's name is the schedule's and twelve digits. */
export const scheduleNameRule = namedAfter("HmnBackupSchedule", 44);

export const backupSpecSchema = z
  .object({
    ...backupSource,
    schedule: z
      .string()
      .max(253)
      .default("")
      .describe("The HmnBackupSchedule that made it, which also removes it; empty for one that a person made."),
    keep: z
      .int()
      .min(0)
      .max(100)
      .default(0)
      .describe("Of the schedule's backups, so many of the newest stay in the target when this one is good; 0: all."),
  })
  .meta({
    description: "One backup.",
    ...cel({
      rule: "self == oldSelf",
      message: "an HmnBackup is one backup and cannot be changed: create a new one instead",
    }),
  });

export const backupStatusSchema = z
  .object({
    state: z
      .enum(["Pending", "Running", "Succeeded", "Failed"])
      .describe("Succeeded: it was written, fetched again, checked, and a scratch network began with it."),
    startTime: timeField("When its Job was made."),
    completionTime: timeField("When it ended."),
    validator: z.int().min(0).max(99).optional().describe("The validator whose data it was taken from."),
    height: z.int().min(0).optional().describe("The block after which it is the state."),
    blockTime: timeField("Time of that block: what was executed later is not in it.").optional(),
    bytes: z.int().min(0).optional().describe("Its size before sealing."),
    manifestSha256: z.string().max(64).optional().describe("SHA-256 of its manifest."),
    verified: z.boolean().describe("Whether it was restored into a scratch network, with equal subroots."),
    restoreSeconds: z.int().min(0).optional().describe("How long that took, from the first byte fetched."),
    message: z.string().max(1024).describe("What is waited for, or what went wrong and what to do."),
  })
  .partial()
  .meta({
    description: "What became of it.",
    ...cel({
      rule: "!has(oldSelf.completionTime) || self == oldSelf",
      message: "what became of an HmnBackup is a record and cannot be changed",
    }),
  });

export const backupScheduleSpecSchema = z
  .object({
    ...backupSource,
    schedule: z
      .string()
      .min(9)
      .max(128)
      .regex(/^[0-9*,/-]+( [0-9*,/-]+){4}$/)
      .describe(
        "When, in UTC, as in cron: minute, hour, day of the month, month, day of the week; e.g. 0 */6 * * *. Of several times that were missed the newest is made up for, once.",
      ),
    suspend: z.boolean().default(false).describe("While true it makes no backup."),
    keep: z
      .int()
      .min(1)
      .max(100)
      .default(7)
      .describe("Good backups that are kept; older ones are removed, data included."),
    objectiveSeconds: z
      .int()
      .min(60)
      .max(31_536_000)
      .default(172_800)
      .describe("Recovery point objective: BackupCurrent is false once the newest good backup is older."),
  })
  .meta({ description: "When to back a cluster up, and how many backups to keep." });

export const backupScheduleStatusSchema = z
  .object({
    lastTime: timeField("The newest time of the schedule that was acted on."),
    lastBackup: z.string().max(253).describe("The HmnBackup that it made."),
    message: z.string().max(1024).describe("What is wrong with it; empty when nothing is."),
  })
  .partial()
  .meta({ description: "How far it has come." });

/** In the status of an HmnCluster. */
export const clusterBackupSchema = z
  .object({
    name: z.string().max(253).describe("The newest good HmnBackup."),
    height: z.int().min(0).describe("The block after which it is the state."),
    blockTime: timeField("The recovery point: what was executed after this time would be lost."),
    restoreSeconds: z.int().min(0).describe("How long the test restore of it took: part of the recovery time."),
  })
  .describe("What the cluster could be made anew from; absent without a good backup.");

export type BackupSpec = z.output<typeof backupSpecSchema>;
export type BackupStatus = z.output<typeof backupStatusSchema>;
export type BackupScheduleSpec = z.output<typeof backupScheduleSpecSchema>;
export type BackupScheduleStatus = z.output<typeof backupScheduleStatusSchema>;
export type ClusterBackup = z.output<typeof clusterBackupSchema>;
