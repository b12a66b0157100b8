import { z } from "zod";
import { timeField } from "./fields.ts";

export const conditionTypes = [
  "Ready",
  "Reconciling",
  "Stalled",
  "Available",
  "ServiceLevelsMet",
  "CertificatesReady",
  "FaultDomainsSafe",
  "RolledBack",
  "DeletionProtected",
  "ImageUnchanged",
  "BackupCurrent",
] as const;
export type ConditionType = (typeof conditionTypes)[number];

export const conditionSchema = z.object({
  type: z.string().min(1).max(64).describe("Type of the condition."),
  status: z.enum(["True", "False", "Unknown"]).describe("Whether it holds."),
  observedGeneration: z.int().min(0).describe("Generation of the spec that it speaks of."),
  lastTransitionTime: timeField("When status last changed."),
  reason: z
    .string()
    .min(1)
    .max(64)
    .regex(/^[A-Za-z][A-Za-z0-9]*$/)
    .describe("One CamelCase word for programs."),
  message: z.string().max(1024).describe("What it means and what to do."),
});
export type Condition = z.output<typeof conditionSchema>;
