import { accept, type Result, refuse } from "../base/result.ts";
import { folderTarget } from "./folder-target.ts";
import type { Target } from "./target.ts";

/** A folder: a volume, a disk, a share. */
export function openTarget(place: string): Result<Target, "usage"> {
  if (place === "" || /^[a-z][a-z0-9+]*:/.test(place)) return refuse("usage", `${JSON.stringify(place)} is no folder`);
  return accept(folderTarget(place));
}
