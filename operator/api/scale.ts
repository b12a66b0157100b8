import { z } from "zod";
import { timeField } from "./fields.ts";

/** How far one validator is on its way in or out; there is one at a time. */
export const scaleStatusSchema = z.object({
  direction: z.enum(["Up", "Down"]).describe("Whether the validator joins or leaves."),
  validator: z.int().min(0).max(99).describe("The validator that joins or leaves."),
  step: z
    .enum(["Start", "Order", "Boundary", "Serve"])
    .describe(
      "Start: the new node starts and catches up as an observer. Order: the join or leave is ordered. Boundary: it stands in the chain and waits for the end of an epoch. Serve: who has left serves what others may still need of it.",
    ),
  since: timeField("Since when."),
  orderedAt: timeField("When the order was last sent.").optional(),
  epoch: z.int().min(0).describe("For Serve: the epoch in which it was seen to be no member any more; 0 before."),
});

export type ScaleStatus = z.output<typeof scaleStatusSchema>;
