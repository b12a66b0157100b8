import { z } from "zod";
import { atomicList } from "./fields.ts";

/** By ISO 8601: Monday is the first. */
export const days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] as const;

const windowSchema = z.object({
  days: z
    .array(z.enum(days))
    .max(7)
    .default([])
    .describe("Days on which it begins; every day if empty.")
    .meta({ "x-kubernetes-list-type": "set" }),
  start: z
    .string()
    .length(5)
    .regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$/)
    .describe("Time of day at which it begins, by the clocks of its time zone, e.g. 22:00."),
  durationMinutes: z
    .int()
    .min(5)
    .max(1_440)
    .describe("How long it lasts; a change of the clocks makes it neither longer nor shorter."),
  timeZone: z
    .string()
    .min(1)
    .max(64)
    .regex(/^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/)
    .default("UTC")
    .describe("Name in the IANA time zone database, e.g. Europe/Berlin."),
});

export const windowsSchema = z
  .array(windowSchema)
  .max(14)
  .default([])
  .describe(
    "When an upgrade may begin and move nodes; at any time if empty. A node that is moving is finished; first deployments, rollbacks and repairs do not wait.",
  )
  .meta(atomicList);

export type Window = z.output<typeof windowSchema>;

/** Whether the running program's time zone database knows the name. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
