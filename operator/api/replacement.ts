import { z } from "zod";
import { timeField } from "./fields.ts";
import { LABELS } from "./group.ts";

export const replaceLostVolumesSchema = z.object({
  policy: z
    .enum(["Never", "After"])
    .default("Never")
    .describe(
      "After: a validator whose volume or host is lost for afterSeconds, while the others are a quorum, begins anew on a new volume with a new vote key. Never: somebody has to decide, and the status says so.",
    ),
  afterSeconds: z
    .int()
    .min(60)
    .max(604_800)
    .default(600)
    .describe("How long a volume or host has to be seen lost before it is given up."),
});

export const rebuildDamagedSchema = z.object({
  policy: z
    .enum(["Never", "After"])
    .default("After")
    .describe(
      "After: a validator whose node has refused its own data for afterSeconds, while the others are a quorum, begins anew from its peers on a new volume with a new vote key; in a rollback without the wait, and never more than one at a time. Never: somebody has to decide, and the status says so.",
    ),
  afterSeconds: z
    .int()
    .min(60)
    .max(604_800)
    .default(300)
    .describe("How long the data has to be seen damaged before it is given up."),
});

/** How far one validator is on its way to a new vote key; there is one at a time. */
export const replacementStatusSchema = z.object({
  validator: z.int().min(0).max(99).describe("The validator that gets a new vote key."),
  cause: z
    .enum(["VolumeLost", "HostLost", "KeyLost", "DataDamaged"])
    .describe(
      "What is lost. KeyLost: its node runs on a volume that was emptied, with a key that it made since. DataDamaged: its node ends, as what is on its volume cannot be trusted.",
    ),
  step: z
    .enum(["Lost", "Start", "Order", "Boundary", "Retire"])
    .describe(
      "Lost: the loss is seen, and may still pass. Start: a node on a new volume starts and catches up as an observer. Order: the key's replacement is ordered. Boundary: it stands in the chain; the members agree once the old key was silent for two epochs. Retire: it votes, and what is left of the old node is removed.",
    ),
  since: timeField("Since when."),
  orderedAt: timeField("When the order was last sent.").optional(),
  incarnation: z.int().min(0).max(9_999).describe("Incarnation of the volume that its node runs on from this step on."),
});

/** How often each validator's volume was replaced; what was not stands for 0. */
export const incarnationSchema = z.object({
  validator: z.int().min(0).max(99).describe("Validator id."),
  incarnation: z.int().min(1).max(9_999).describe("How often its volume was replaced: a part of its objects' names."),
});

export type ReplacementStatus = z.output<typeof replacementStatusSchema>;
export type Incarnation = z.output<typeof incarnationSchema>;

/** Which StatefulSet of a validator is the one that counts, by what is recorded. */
export function incarnationOf(
  status: {
    readonly replacement?: ReplacementStatus | undefined;
    readonly incarnations?: readonly Incarnation[] | undefined;
  },
  validator: number,
): number {
  if (status.replacement?.validator === validator) return status.replacement.incarnation;
  return status.incarnations?.find((known) => known.validator === validator)?.incarnation ?? 0;
}

/** Which one an object belongs to, by its labels. */
export const incarnationOn = (labels: Readonly<Record<string, string>> | undefined): number =>
  Number(labels?.[LABELS.incarnation] ?? 0);
