import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Restored, restoredSchema } from "./api/contract-restored.ts";
import { isMissing } from "./base/missing.ts";
import { realDisk } from "./storage/disk.ts";
import { writeWhole } from "./storage/whole-file.ts";

/** Beside the state of a backup: what a genesis has to say that goes on from it, so that nobody has to read the state for it. */
const path = (data: string): string => join(data, "restored.json");

export const writeRestored = (data: string, restored: Restored): void =>
  writeWhole(realDisk, path(data), Buffer.from(JSON.stringify(restoredSchema.parse(restored))));

/** undefined where nothing was restored; a text that is none of ours was written by somebody else, and is nothing either. */
export function readRestored(data: string): Restored | undefined {
  try {
    return restoredSchema.safeParse(JSON.parse(readFileSync(path(data), "utf8"))).data;
  } catch (cause) {
    if (isMissing(cause) || cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}
