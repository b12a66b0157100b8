import { z } from "zod";
import { atomicList, listMap, timeField } from "./fields.ts";

/** Repairs of one object within ten minutes that are one too many. */
export const REPAIRS_MAX = 3;

export const repairSchema = z.object({
  object: z.string().max(320).describe("Kind and name of the object."),
  manager: z.string().max(128).describe("Field manager that changed it, as its metadata.managedFields says."),
  times: z
    .array(timeField("When the operator put it back."))
    .max(REPAIRS_MAX)
    .describe("The repairs of the last ten minutes.")
    .meta(atomicList),
  resourceVersion: z.string().max(64).describe("Version of the object that was repaired last."),
  wanted: z.string().max(16).describe("Hash of what the operator wants of it."),
});

export const repairsSchema = z
  .array(repairSchema)
  .max(16)
  .describe("Objects that somebody else has changed and the operator put back in the last ten minutes.")
  .meta(listMap("object"));

export type Repair = z.output<typeof repairSchema>;
