import { z } from "zod";
import { timeField } from "./fields.ts";
import { OBSERVERS_MAX } from "./observers.ts";

/** The volume that is made larger now; there is one at a time. */
export const growthStatusSchema = z.object({
  validator: z.int().min(0).max(99).optional().describe("The validator whose volume grows."),
  observer: z
    .int()
    .min(0)
    .max(OBSERVERS_MAX - 1)
    .optional()
    .describe("In its place: the observer whose volume grows. Validators go first."),
  size: z.string().max(32).describe("The size that it is to reach."),
  since: timeField("Since when."),
  askedAt: timeField("When its claim was last asked to be of that size.").optional(),
});

export type GrowthStatus = z.output<typeof growthStatusSchema>;
