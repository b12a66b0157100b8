import type { z } from "zod";
import { approvalSpecSchema, approvalStatusSchema } from "./approval.ts";
import {
  backupNameRule,
  backupScheduleSpecSchema,
  backupScheduleStatusSchema,
  backupSpecSchema,
  backupStatusSchema,
  scheduleNameRule,
} from "./backup.ts";
import { clusterSpecSchema, clusterStatusSchema } from "./cluster.ts";
import type { CelRule } from "./fields.ts";
import { noDowngrade } from "./protocol.ts";
import { beganWith } from "./restore.ts";
import { rolloutSpecSchema, rolloutStatusSchema } from "./rollout.ts";

export type PrinterColumn = {
  readonly name: string;
  readonly type: "string" | "integer" | "date";
  readonly jsonPath: string;
  readonly description: string;
  /** 0 is shown always, 1 only with `-o wide`. */
  readonly priority?: 0 | 1;
};

/** One of our kinds, as the API server is told of it. */
export type KindDefinition = {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortName: string;
  readonly description: string;
  readonly spec: z.ZodType;
  readonly status: z.ZodType;
  readonly columns: readonly PrinterColumn[];
  /** Where `kubectl scale` reads and writes. */
  readonly scale?: { readonly specReplicasPath: string; readonly statusReplicasPath: string };
  /** Rules over the whole object; of the metadata only the name can be read there. */
  readonly rules: readonly CelRule[];
  /** Fields that `--field-selector` may name. */
  readonly selectable: readonly string[];
};

const age: PrinterColumn = {
  name: "Age",
  type: "date",
  jsonPath: ".metadata.creationTimestamp",
  description: "Time since it was created.",
};

/** What a status says in words, with `-o wide`. */
const message = (description: string): PrinterColumn => ({
  ...{ name: "Message", type: "string", jsonPath: ".status.message", description, priority: 1 },
});

export const clusterKind: KindDefinition = {
  kind: "HmnCluster",
  plural: "hmnclusters",
  singular: "hmncluster",
  shortName: "hmn",
  description: "A Harmonic Mesh Network cluster: what is wanted in spec, what is observed in status.",
  spec: clusterSpecSchema,
  status: clusterStatusSchema,
  scale: { specReplicasPath: ".spec.validators.replicas", statusReplicasPath: ".status.totalValidators" },
  columns: [
    {
      name: "Version",
      type: "string",
      jsonPath: ".status.currentVersion",
      description: "Version that was last judged good on all nodes.",
    },
    { name: "Ready", type: "string", jsonPath: ".status.ready", description: "Ready validators of all." },
    { name: "Phase", type: "string", jsonPath: ".status.phase", description: "What the cluster is doing." },
    {
      name: "Coherence",
      type: "string",
      jsonPath: ".status.coherence.band",
      description: "How well the validators work together.",
    },
    {
      name: "Mode",
      type: "string",
      jsonPath: ".status.coherence.mode",
      description: "Normal, or Emergency.",
    },
    {
      name: "Rollout",
      type: "string",
      jsonPath: ".status.rollout",
      description: "The active HmnRollout, or the last one.",
    },
    age,
    { name: "Wanted", type: "string", jsonPath: ".spec.version", description: "Version in the spec.", priority: 1 },
    {
      name: "Revision",
      type: "string",
      jsonPath: ".status.currentRevision",
      description: "Revision of the current inputs.",
      priority: 1,
    },
    {
      name: "Waiting for",
      type: "string",
      jsonPath: ".status.waitingFor.message",
      description: "The one cause of waiting.",
      priority: 1,
    },
  ],
  rules: [
    {
      // Pods, Services and volumes are called <name>-<validator>-<incarnation>, and a Service's name is a DNS label of 63.
      rule: "size(self.metadata.name) <= 40 && self.metadata.name.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')",
      message:
        "metadata.name must be at most 40 characters, start with a letter and have only a-z, 0-9 and '-': Services are named after it; choose a shorter or plainer name",
    },
    noDowngrade,
    beganWith,
  ],
  selectable: [],
};

export const rolloutKind: KindDefinition = {
  kind: "HmnRollout",
  plural: "hmnrollouts",
  singular: "hmnrollout",
  shortName: "hmnro",
  description: "The record of one change of a cluster's nodes: its phases, the windows judged, and how it ended.",
  spec: rolloutSpecSchema,
  status: rolloutStatusSchema,
  columns: [
    { name: "Cluster", type: "string", jsonPath: ".spec.cluster", description: "The HmnCluster." },
    { name: "From", type: "string", jsonPath: ".spec.from.version", description: "Version before." },
    { name: "To", type: "string", jsonPath: ".spec.to.version", description: "Version rolled out." },
    { name: "State", type: "string", jsonPath: ".status.state", description: "What it does, or how it ended." },
    { name: "Phase", type: "integer", jsonPath: ".status.phase", description: "Phase that it is in, from 1." },
    age,
    {
      name: "Reason",
      type: "string",
      jsonPath: ".status.rollbackReason",
      description: "Why it went back.",
      priority: 1,
    },
  ],
  rules: [
    {
      // Not compared with the number: the length of string(int) is unbounded for the API server's cost estimate.
      rule: "self.metadata.name.startsWith(self.spec.cluster + '-')",
      message:
        "the name of an HmnRollout must start with <spec.cluster>-: rename it, or leave making them to the operator",
    },
  ],
  selectable: [".spec.cluster"],
};

export const approvalKind: KindDefinition = {
  kind: "HmnApproval",
  plural: "hmnapprovals",
  singular: "hmnapproval",
  shortName: "hmnap",
  description: "A person's word about one rollout: promote, abort, pause, resume or retry. Written once, used once.",
  spec: approvalSpecSchema,
  status: approvalStatusSchema,
  columns: [
    { name: "Rollout", type: "string", jsonPath: ".spec.rollout", description: "The HmnRollout." },
    { name: "Action", type: "string", jsonPath: ".spec.action", description: "What is asked for." },
    { name: "Phase", type: "integer", jsonPath: ".spec.phase", description: "Phase whose gate is opened." },
    { name: "By", type: "string", jsonPath: ".spec.signer.username", description: "Who says so." },
    { name: "Result", type: "string", jsonPath: ".status.result", description: "What became of it." },
    age,
    message("Why, and what to do."),
  ],
  rules: [],
  selectable: [".spec.cluster"],
};

export const backupKind: KindDefinition = {
  kind: "HmnBackup",
  plural: "hmnbackups",
  singular: "hmnbackup",
  shortName: "hmnbk",
  description:
    "One backup of a cluster's accounts, pending transfers and stakes: where it lies, and whether it can be restored.",
  spec: backupSpecSchema,
  status: backupStatusSchema,
  columns: [
    { name: "Cluster", type: "string", jsonPath: ".spec.cluster", description: "The HmnCluster." },
    { name: "State", type: "string", jsonPath: ".status.state", description: "What it does, or how it ended." },
    {
      name: "Height",
      type: "integer",
      jsonPath: ".status.height",
      description: "The block after which it is the state.",
    },
    { name: "Block time", type: "date", jsonPath: ".status.blockTime", description: "Its recovery point." },
    {
      name: "Verified",
      type: "string",
      jsonPath: ".status.verified",
      description: "Whether it was restored on trial.",
    },
    age,
    message("What is waited for, or went wrong."),
  ],
  rules: [backupNameRule],
  selectable: [".spec.cluster"],
};

export const backupScheduleKind: KindDefinition = {
  kind: "HmnBackupSchedule",
  plural: "hmnbackupschedules",
  singular: "hmnbackupschedule",
  shortName: "hmnbks",
  description: "When a cluster is backed up, and how many backups are kept.",
  spec: backupScheduleSpecSchema,
  status: backupScheduleStatusSchema,
  columns: [
    { name: "Cluster", type: "string", jsonPath: ".spec.cluster", description: "The HmnCluster." },
    { name: "Schedule", type: "string", jsonPath: ".spec.schedule", description: "When, in UTC." },
    { name: "Suspended", type: "string", jsonPath: ".spec.suspend", description: "Whether it makes none now." },
    { name: "Last", type: "string", jsonPath: ".status.lastBackup", description: "The newest HmnBackup that it made." },
    age,
    message("What is wrong with it."),
  ],
  rules: [scheduleNameRule],
  selectable: [".spec.cluster"],
};

export const kinds: readonly KindDefinition[] = [
  clusterKind,
  rolloutKind,
  approvalKind,
  backupKind,
  backupScheduleKind,
];
