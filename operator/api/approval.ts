import { z } from "zod";
import { cel, timeField } from "./fields.ts";

/** What a person can tell a rollout. */
export const approvalActions = ["Promote", "Abort", "Pause", "Resume", "Retry"] as const;
export type ApprovalAction = (typeof approvalActions)[number];

export const approvalSpecSchema = z
  .object({
    cluster: z.string().min(1).max(253).describe("Name of the HmnCluster."),
    clusterUID: z
      .string()
      .min(1)
      .max(64)
      .describe("UID of the HmnCluster, so that no approval counts for a later cluster of the same name."),
    rollout: z.string().min(1).max(253).describe("Name of the HmnRollout."),
    phase: z
      .int()
      .min(0)
      .max(10)
      .default(0)
      .describe("For Promote: the phase whose gate is opened. Other actions leave it 0."),
    action: z
      .enum(approvalActions)
      .describe(
        "Promote: open the gate of the phase. Abort: go back and quarantine the inputs. Pause and Resume: this rollout alone. Retry: lift the quarantine that this rollout left.",
      ),
    reason: z.string().max(512).default("").describe("Why, for the record."),
    signer: z
      .object({ username: z.string().min(1).max(253).describe("Who says so: your own user name.") })
      .describe("Proved by an admission policy: it equals the user who creates the object."),
  })
  .meta({
    description: "One word of a person about one rollout; used once.",
    ...cel(
      {
        rule: "self == oldSelf",
        message: "an HmnApproval is written once and cannot be changed: create a new one instead",
      },
      {
        rule: "(self.action == 'Promote') == (self.phase > 0)",
        message: "phase belongs to Promote, and Promote needs it: the number of the phase whose gate is opened",
      },
    ),
  });

export const approvalStatusSchema = z
  .object({
    result: z.enum(["Used", "Refused"]).describe("What became of it."),
    time: timeField("When that was said."),
    message: z.string().max(512).describe("What it did, or why it was refused and what to do."),
  })
  .partial()
  .meta({
    description: "What became of it.",
    ...cel({
      rule: "!has(oldSelf.result) || self == oldSelf",
      message: "what became of an HmnApproval is a record and cannot be changed",
    }),
  });

export type ApprovalSpec = z.output<typeof approvalSpecSchema>;
export type ApprovalStatus = z.output<typeof approvalStatusSchema>;
