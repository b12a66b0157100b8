import { z } from "zod";
import { encryptionSecretField, objectName, targetSchema } from "./backup.ts";
import { type CelRule, cel, hexField, timeField } from "./fields.ts";

/** `spec.restoreFrom`. Who has lost a cluster has the store and the key in hand, and perhaps no object any more. */
export const restoreFromSchema = z
  .object({
    backup: objectName(
      "Name of the backup: of its folder in the target, which is the name of the HmnBackup that made it.",
    ),
    target: targetSchema
      .optional()
      .describe(
        "Where the backup lies. Without it, and without encryptionSecret, an HmnBackup of that name in the same namespace says both.",
      ),
    encryptionSecret: encryptionSecretField.optional(),
    chainId: hexField(
      32,
      "Chain id of the network that it has to be of. A backup proves whose it is; only you know whether that is yours.",
    ).optional(),
  })
  .describe(
    "The backup from which a new network begins: another chain id and other vote keys; the same accounts, pending transfers, validators and bonds. It can be corrected until the network has begun, and not from then on.",
  )
  .meta(
    cel({
      rule: "has(self.target) == has(self.encryptionSecret)",
      message:
        "target and encryptionSecret belong together: give both, or neither where there is an HmnBackup of that name",
    }),
  );

/** For the whole spec: a restored network has the backup's accounts. */
export const backupAlone: CelRule = {
  rule: "!has(self.restoreFrom) || size(self.genesis.accounts) == 0",
  message:
    "spec.genesis.accounts must be empty with spec.restoreFrom: a restored network has the accounts of its backup; remove one of the two",
};

/** For the whole HmnCluster: what a network began with is a fact. */
export const beganWith: CelRule = {
  rule: [
    "!has(self.status) || !has(self.status.chainId) || self.status.chainId == ''",
    "(has(self.spec.restoreFrom) == has(oldSelf.spec.restoreFrom) && (!has(self.spec.restoreFrom) || self.spec.restoreFrom == oldSelf.spec.restoreFrom))",
  ].join(" || "),
  message: "spec.restoreFrom cannot be changed once the network has begun: make a new HmnCluster instead",
};

export const restoreStatusSchema = z
  .object({
    state: z
      .enum(["Waiting", "Fetching", "Beginning", "Restored"])
      .describe(
        "Waiting for the HmnBackup; Fetching and checking it on each validator's volume; Beginning: all hold it, the genesis is made of it; Restored: a quorum serves.",
      ),
    source: z
      .object({ backup: objectName("Its name."), target: targetSchema, encryptionSecret: encryptionSecretField })
      .optional()
      .describe("Where it is taken from."),
    chainId: z.string().max(64).optional().describe("Chain id of the network that it is of."),
    height: z.int().min(0).optional().describe("The block after which it is the state."),
    blockTime: timeField("The recovery point: time of that block; what was executed later is lost.").optional(),
    lostSeconds: z
      .int()
      .min(0)
      .optional()
      .describe(
        "From the recovery point until this HmnCluster was created: the most of the old network's time that is lost.",
      ),
    completionTime: timeField("When a quorum served for the first time.").optional(),
    recoverySeconds: z.int().min(0).optional().describe("From the creation of this HmnCluster until then."),
    message: z.string().max(1024).describe("How far it is, and what to know of the network that it became."),
  })
  .describe("What became of spec.restoreFrom.");

/** The container of a validator's pod that brings the backup onto its volume, once. */
export const RESTORE_CONTAINER = "restore";

export type RestoreStatus = z.output<typeof restoreStatusSchema>;
export type RestoreSource = NonNullable<RestoreStatus["source"]>;
