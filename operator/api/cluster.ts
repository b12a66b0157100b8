import { z } from "zod";
import { clusterBackupSchema } from "./backup.ts";
import { coherenceStatusSchema } from "./coherence.ts";
import { conditionSchema } from "./conditions.ts";
import { type CelRule, cel, immutable, listMap, positiveQuantity, quantityField, timeField } from "./fields.ts";
import { genesisSchema } from "./genesis.ts";
import { growthStatusSchema } from "./growth.ts";
import { hibernationStatusSchema } from "./hibernation.ts";
import { OBSERVERS_MAX, observerStatusSchema, observersSchema } from "./observers.ts";
import { placementSchema } from "./placement.ts";
import { podsSchema } from "./pods.ts";
import { protocolStatusSchema } from "./protocol.ts";
import { repairsSchema } from "./repairs.ts";
import {
  incarnationSchema,
  rebuildDamagedSchema,
  replaceLostVolumesSchema,
  replacementStatusSchema,
} from "./replacement.ts";
import { backupAlone, restoreFromSchema, restoreStatusSchema } from "./restore.ts";
import { rolloutPolicySchema, serviceLevelsSchema } from "./rollout-policy.ts";
import { scaleStatusSchema } from "./scale.ts";
import { servicesSchema } from "./services.ts";
import { tlsSchema, tlsStatusSchema } from "./tls.ts";
import { trustStatusSchema } from "./trust.ts";
import { tuningSchema, tuningStatusSchema } from "./tuning.ts";
import { validatorStatusSchema } from "./validator-status.ts";

const neverLess: CelRule = {
  rule: "!quantity(self).isLessThan(quantity(oldSelf))",
  message: "volumes cannot shrink: keep spec.storage.size, or make it larger",
};
export const environmentVariableSchema = z.object({
  name: z
    .string()
    .min(1)
    .max(63)
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
    .describe("Name of the variable."),
  value: z
    .string()
    .max(1024)
    .describe("Value of the variable. Not for secrets: it can be read by whoever reads the cluster."),
});

export const clusterSpecSchema = z
  .object({
    version: z
      .string()
      .min(5)
      .max(64)
      .regex(/^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$/)
      .describe("Version of the release, as built into the image, e.g. 1.4.0."),
    image: z
      .object({
        reference: z
          .string()
          .min(1)
          .max(512)
          .regex(/^[A-Za-z0-9][A-Za-z0-9./_:@-]*$/)
          .describe("Image of the node, by tag or digest."),
        pullPolicy: z
          .enum(["IfNotPresent", "Always", "Never"])
          .default("IfNotPresent")
          .describe("When the kubelet pulls the image."),
      })
      .describe("What the nodes run."),
    network: z
      .string()
      .min(1)
      .max(40)
      .regex(/^[a-z]([a-z0-9-]*[a-z0-9])?$/)
      .describe("Name of the network: part of the genesis and of every node's transport identity.")
      .meta(cel(immutable("spec.network"))),
    validators: z
      .object({
        replicas: z
          .int()
          .min(4)
          .max(100)
          .default(4)
          .describe(
            "Number of validators. Four is the least that tolerates one faulty node. A new number is reached one validator at a time: the next id joins, the highest id leaves.",
          ),
      })
      .prefault({})
      .describe("The validators."),
    observers: observersSchema.prefault({}).describe("Nodes that follow without a vote."),
    genesis: genesisSchema.prefault({}).describe("State of the ledger before the first block."),
    restoreFrom: restoreFromSchema.optional(),
    storage: z
      .object({
        size: quantityField(
          "Size of each validator's and observer's volume. It may grow, where the StorageClass allows it: one volume at a time, under the running nodes, and in no rollout.",
        )
          .default("1Gi")
          .meta(cel(positiveQuantity, neverLess)),
        className: z
          .string()
          .min(1)
          .max(253)
          .optional()
          .describe("StorageClass of the volumes; the default class if absent."),
        retention: z
          .enum(["Retain", "Delete"])
          .default("Retain")
          .describe(
            "What becomes of the volumes, and of the vote keys on them, when the HmnCluster is deleted, a validator leaves, or its volume is replaced.",
          ),
        replaceLostVolumes: replaceLostVolumesSchema
          .prefault({})
          .describe("What is done about a validator whose volume or host is lost for good."),
        rebuildDamaged: rebuildDamagedSchema
          .prefault({})
          .describe(
            "What is done about a validator whose data is damaged. Its old volume goes or stays as retention says.",
          ),
      })
      .prefault({})
      .describe("The validators' volumes.")
      .meta(
        cel({
          rule: "has(self.className) == has(oldSelf.className) && (!has(self.className) || self.className == oldSelf.className)",
          message: "spec.storage.className cannot be changed after creation: make a new HmnCluster instead",
        }),
      ),
    resources: z
      .object({
        cpu: quantityField("CPU of each node: request and limit.").default("500m"),
        memory: quantityField("Memory of each node: request and limit.").default("512Mi"),
      })
      .prefault({})
      .describe("Requests equal limits, so that nodes are the last to be evicted under pressure."),
    placement: placementSchema.prefault({}).describe("Where validators run."),
    pods: podsSchema.prefault({}).describe("What else the validators' pods get."),
    services: servicesSchema.prefault({}).describe("How the nodes are reached."),
    environment: z
      .array(environmentVariableSchema)
      .max(32)
      .default([])
      .describe("Further environment of the node's container. Part of the release: a change is rolled out.")
      .meta({
        ...listMap("name"),
        ...cel({
          rule: "self.all(v, !(v.name in ['HMN_VALIDATOR', 'NODE_OPTIONS']))",
          message: "HMN_VALIDATOR and NODE_OPTIONS are set by the operator: remove them",
        }),
      }),
    serviceLevels: serviceLevelsSchema.prefault({}).describe("What a release is judged against."),
    rollout: rolloutPolicySchema.describe("How changes reach the nodes."),
    tls: tlsSchema.prefault({}).describe("The certificates by which nodes, operator and clients know each other."),
    protocolActivation: z
      .enum(["Auto", "Manual"])
      .default("Auto")
      .describe(
        "Who lets the network run the rules of a new release, once all validators can and rollout.rollbackWindowSeconds are over: the operator, or whoever sets protocolVersion. There is no way back to older releases afterwards.",
      ),
    protocolVersion: z
      .int()
      .min(1)
      .max(4_294_967_295)
      .optional()
      .describe("With protocolActivation: Manual, the state version up to which the operator activates.")
      .meta(
        cel({
          rule: "self >= oldSelf",
          message: "spec.protocolVersion cannot go down: what was activated stays; set it to at least what it was",
        }),
      ),
    tuning: tuningSchema.prefault({}).describe("Parameters of the network that follow what is measured."),
    paused: z
      .boolean()
      .default(false)
      .describe("Stops every voluntary move, rollback included, until it is false again."),
    hibernate: z
      .boolean()
      .default(false)
      .describe(
        "While true no validator runs: after a last backup, where an HmnBackupSchedule says into which store, all pods go and the volumes stay. False wakes them all at once.",
      ),
    deletionProtection: z
      .boolean()
      .default(false)
      .describe("While true the API server refuses to delete this HmnCluster, and with it its namespace."),
    retry: z
      .string()
      .max(64)
      .default("")
      .describe("Any new text here lifts the quarantine of the present inputs and tries them again."),
  })
  .meta({ description: "The cluster that is wanted.", ...cel(backupAlone) });

export const waitingForSchema = z.object({
  reason: z.string().max(64).describe("One CamelCase word for the cause."),
  message: z.string().max(1024).describe("What is being waited for and what would end it."),
  since: timeField("Since when."),
  who: z.enum(["Operator", "User", "Platform"]).describe("Who can change it."),
  command: z.string().max(512).describe("The command that shows or changes it."),
});

export const disruptionSchema = z.object({
  kind: z
    .enum(["Safety", "Rollback", "Repair", "Drain", "Rotation", "Scale", "Rollout", "Drill"])
    .describe("Why the node is moved."),
  validator: z.int().min(0).max(99).describe("The node that is down or moving."),
  since: timeField("When the slot was taken."),
});

export const quarantineSchema = z.object({
  revision: z.string().max(64).describe("Revision of the inputs that were rolled back."),
  version: z.string().max(64).describe("Their version."),
  image: z.string().max(512).describe("Their image."),
  rollout: z.string().max(253).describe("The HmnRollout that tells why."),
  reason: z.string().max(1024).describe("Why, in one sentence."),
  since: timeField("Since when."),
});

export const clusterStatusSchema = z
  .object({
    observedGeneration: z.int().min(0).describe("Generation of the spec that this status speaks of."),
    conditions: z.array(conditionSchema).max(16).describe("Conditions, by type.").meta(listMap("type")),
    phase: z
      .enum([
        "Pending",
        "BringingUp",
        "Running",
        "Scaling",
        "Replacing",
        "RollingOut",
        "RollingBack",
        "Paused",
        "Stalled",
        "Hibernating",
        "Hibernated",
        "Waking",
      ])
      .describe("One word for people; programs read the conditions."),
    chainId: z.string().max(64).describe("Chain id of the network; empty before genesis."),
    coherence: coherenceStatusSchema.optional(),
    backup: clusterBackupSchema.optional(),
    restore: restoreStatusSchema.optional(),
    hibernation: hibernationStatusSchema.optional(),
    trustAnchor: trustStatusSchema.optional(),
    currentRevision: z
      .string()
      .max(64)
      .describe("Revision of the last inputs that all nodes ran and that were judged good."),
    currentImage: z
      .string()
      .max(512)
      .optional()
      .describe("Image that the current revision was judged with, as the host of its first node named it."),
    currentVersion: z.string().max(64).describe("Version of the current revision."),
    targetRevision: z.string().max(64).describe("Revision of the inputs in the spec."),
    readyValidators: z.int().min(0).max(100).describe("Validators that are Ready."),
    updatedValidators: z.int().min(0).max(100).describe("Validators on the target revision."),
    totalValidators: z.int().min(0).max(100).describe("Validators that are run now."),
    ready: z.string().max(16).describe("Ready validators of all, for people."),
    rollout: z.string().max(253).describe("The active HmnRollout, or the last one."),
    lastRolloutNumber: z.int().min(0).describe("Number of the last HmnRollout."),
    disruption: disruptionSchema.optional().describe("The one slot for moving a node; absent while free."),
    size: z
      .int()
      .min(4)
      .max(100)
      .optional()
      .describe("Validators that are run now, those on their way in or out included; absent before genesis."),
    scale: scaleStatusSchema.optional().describe("The validator that is joining or leaving; absent when none is."),
    replacement: replacementStatusSchema
      .optional()
      .describe("The validator that has lost its volume, host, data or vote key; absent when none has."),
    incarnations: z
      .array(incarnationSchema)
      .max(100)
      .optional()
      .describe("Validators whose volumes were replaced, and how often.")
      .meta(listMap("validator")),
    protocol: protocolStatusSchema
      .optional()
      .describe("Versions of the rules and messages in force, and those that could be; absent before genesis."),
    growth: growthStatusSchema.optional().describe("The volume that grows; absent when none does."),
    tls: tlsStatusSchema.optional().describe("How far the replacement of certificates is."),
    tuning: tuningStatusSchema
      .optional()
      .describe("What was tried, and why it was kept or taken back; absent while off."),
    waitingFor: waitingForSchema.optional().describe("The one cause of waiting; absent when nothing is waited for."),
    validators: z.array(validatorStatusSchema).max(100).describe("Each validator.").meta(listMap("id")),
    observers: z
      .array(observerStatusSchema)
      .max(OBSERVERS_MAX)
      .optional()
      .describe("Each observer that the spec asks for; absent when it asks for none.")
      .meta(listMap("id")),
    quarantine: z
      .array(quarantineSchema)
      .max(10)
      .describe("Inputs that were rolled back and are not tried again.")
      .meta(listMap("revision")),
    repairs: repairsSchema.optional(),
    retryHandled: z.string().max(64).describe("The last value of spec.retry that was acted on."),
  })
  .partial()
  .meta({ description: "What the operator has observed." });

export type ClusterSpec = z.output<typeof clusterSpecSchema>;
export type ClusterSpecInput = z.input<typeof clusterSpecSchema>;
export type ClusterStatus = z.output<typeof clusterStatusSchema>;
export type WaitingFor = z.output<typeof waitingForSchema>;
export type Disruption = z.output<typeof disruptionSchema>;
export type Quarantined = z.output<typeof quarantineSchema>;
