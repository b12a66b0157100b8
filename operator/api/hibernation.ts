import { z } from "zod";
import { timeField } from "./fields.ts";

export const hibernationStatusSchema = z
  .object({
    step: z
      .enum(["BackingUp", "Stopping", "Hibernated", "Waking"])
      .describe(
        "BackingUp: a last backup is made, where a schedule says into which store; Stopping: pods go, volumes stay; Hibernated: none is left; Waking: all start, until a quorum serves.",
      ),
    since: timeField("Since when."),
    backup: z
      .string()
      .max(253)
      .optional()
      .describe("The HmnBackup that was made before; absent where no schedule names a store."),
    height: z
      .int()
      .min(0)
      .optional()
      .describe("The newest block that a validator had executed when they were told to stop."),
  })
  .describe("Where spec.hibernate has come to; absent while the network runs as always.");
export type HibernationStatus = z.output<typeof hibernationStatusSchema>;

/** Whether no validator shall run. Written down before the first one stops. */
export const isAsleep = ({ hibernation }: { readonly hibernation?: HibernationStatus | undefined }): boolean =>
  hibernation?.step === "Stopping" || hibernation?.step === "Hibernated";
