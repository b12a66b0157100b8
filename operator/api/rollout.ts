import { z } from "zod";
import { approvalActions } from "./approval.ts";
import { conditionSchema } from "./conditions.ts";
import { atomicList, cel, listMap, timeField } from "./fields.ts";
import { phaseSchema } from "./rollout-policy.ts";

export const releaseSchema = z.object({
  revision: z.string().max(64).describe("Hash of the inputs of the release; empty for none."),
  version: z.string().max(64).describe("Version of the release."),
  image: z.string().max(512).describe("Image reference of the release."),
});

export const rolloutSpecSchema = z
  .object({
    cluster: z.string().min(1).max(253).describe("Name of the HmnCluster."),
    clusterUID: z.string().min(1).max(64).describe("UID of the HmnCluster."),
    number: z.int().min(1).describe("Number of this rollout within its cluster."),
    kind: z.enum(["FirstDeployment", "Upgrade"]).describe("Whether there was anything before it."),
    from: releaseSchema.describe("What to go back to."),
    to: releaseSchema.describe("What is rolled out."),
    phases: z.array(phaseSchema).min(1).max(10).describe("Phases, as the spec had them at the start.").meta(atomicList),
  })
  .meta({
    description: "One change of the nodes. Written by the operator.",
    ...cel({ rule: "self == oldSelf", message: "the spec of an HmnRollout is a record and cannot be changed" }),
  });

export const verdicts = ["Pass", "Fail", "Inconclusive", "NoData", "Error"] as const;
export type Verdict = (typeof verdicts)[number];

export const windowSchema = z.object({
  time: timeField("End of the window."),
  phase: z.int().min(0).max(10).describe("Phase that it belongs to."),
  verdict: z.enum(verdicts).describe("What the judge found."),
  metric: z.string().max(64).describe("The metric that decided, empty if none did."),
  newValue: z.string().max(64).describe("Worst value of the nodes on the new release, with unit."),
  oldValue: z.string().max(64).describe("Median of the nodes on the old release, with unit; empty if there is none."),
  limit: z.string().max(64).describe("The level that it was held against, with unit."),
  message: z.string().max(512).describe("The finding in one sentence."),
});

export const timelineEntrySchema = z.object({
  time: timeField("When it happened."),
  event: z.string().max(64).describe("One CamelCase word."),
  message: z.string().max(512).describe("What happened."),
});

export const incidentSchema = z.object({
  summary: z.string().max(1024).describe("What happened, in one or two sentences."),
  cause: z
    .enum(["Release", "Environment", "Safety", "Aborted"])
    .describe(
      "Release, Safety, and Aborted by a person: quarantined. Environment: pull, quota, scheduling or volume; tried again with backoff.",
    ),
  suspected: z
    .string()
    .max(1024)
    .describe("The difference of inputs that is suspected, and the first metric that failed."),
  validators: z.array(z.int().min(0).max(99)).max(100).describe("Nodes that ran the release.").meta(atomicList),
  windows: z.array(windowSchema).max(10).describe("The windows that broke.").meta(atomicList),
  logs: z.string().max(4096).describe("Last lines of a failing container, without secrets; empty if there are none."),
  detectedAt: timeField("When the breach was established."),
  resolvedAt: timeField(
    "When every node ran the previous release again and was healthy; absent until then.",
  ).optional(),
});

/** `state` of a rollout; the first seven are active. */
export const rolloutStates = [
  "Observing",
  "Moving",
  "Settling",
  "Soaking",
  "AtGate",
  "Paused",
  "RollingBack",
  "Succeeded",
  "RolledBack",
  "Superseded",
  "Failed",
] as const;
export type RolloutState = (typeof rolloutStates)[number];

/** An HmnApproval that this rollout has acted on: by its UID it is never used a second time. */
export const usedApprovalSchema = z.object({
  uid: z.string().max(64).describe("UID of the HmnApproval."),
  name: z.string().max(253).describe("Its name."),
  action: z.enum(approvalActions).describe("What it asked for."),
  username: z.string().max(253).describe("Who signed it."),
  time: timeField("When it was acted on."),
});

export const rolloutStatusSchema = z
  .object({
    state: z.enum(rolloutStates).describe("What the rollout is doing, or how it ended."),
    phase: z
      .int()
      .min(0)
      .max(10)
      .describe("Phase that it is in, from 1; 0 while an observer follows the release before any validator runs it."),
    followsSince: timeField(
      "Since when that observer has followed without a break; absent while it does not.",
    ).optional(),
    since: timeField("Since when it is in this state."),
    startTime: timeField("When it started."),
    completionTime: timeField("When it ended; the status never changes afterwards."),
    moved: z
      .array(z.int().min(0).max(99))
      .max(100)
      .describe("Nodes moved to the release so far, in order.")
      .meta(atomicList),
    progressAt: timeField("When progress was last made; the deadline counts from here."),
    pauseReason: z
      .enum(["Spec", "Judge", "FirstDeploymentFailed", "Approval", "ImageMoved", ""])
      .describe(
        "Why it is paused: spec.paused, a judge without a verdict, a first deployment that failed, an HmnApproval, or nodes of one release that run different images.",
      ),
    imageId: z
      .string()
      .max(512)
      .describe("Image that the first started node of the release runs, as its host names it; absent until then."),
    consecutiveFailures: z.int().min(0).max(100).describe("Failed windows in a row."),
    rollbackReason: z.string().max(1024).describe("Why it went back; empty if it did not."),
    rollbackCause: z
      .enum(["Release", "Environment", "Safety", "Aborted", "Superseded", ""])
      .describe("What kind of cause it was."),
    windows: z.array(windowSchema).max(100).describe("Judged windows, the last 100.").meta(atomicList),
    timeline: z.array(timelineEntrySchema).max(200).describe("What happened when.").meta(atomicList),
    approvals: z.array(usedApprovalSchema).max(50).describe("HmnApprovals that were acted on.").meta(listMap("uid")),
    incident: incidentSchema.optional().describe("Set when the rollout was rolled back."),
    conditions: z.array(conditionSchema).max(8).describe("Conditions, by type.").meta(listMap("type")),
  })
  .partial()
  .meta({
    description: "How the rollout went.",
    ...cel({
      rule: "!has(oldSelf.completionTime) || self == oldSelf",
      message: "the status of a finished HmnRollout is a record and cannot be changed",
    }),
  });

export type Release = z.output<typeof releaseSchema>;
export type RolloutSpec = z.output<typeof rolloutSpecSchema>;
export type RolloutStatus = z.output<typeof rolloutStatusSchema>;
export type UsedApproval = z.output<typeof usedApprovalSchema>;
export type JudgedWindow = z.output<typeof windowSchema>;
export type TimelineEntry = z.output<typeof timelineEntrySchema>;
export type Incident = z.output<typeof incidentSchema>;
