import { accept, type Result, refuse } from "../base/result.ts";
import { folderTarget } from "./folder-target.ts";
import type { Target, TargetOptions } from "./target.ts";

/** `s3://BUCKET[/PREFIX]` or a folder. The library of the store is loaded only where one is named. */
export async function openTarget(place: string, options: TargetOptions): Promise<Result<Target, "usage">> {
  const [, bucket, prefix] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(place) ?? [];
  if (bucket !== undefined) {
    const { s3Target } = await import("./s3-target.ts");
    return accept(s3Target({ bucket, prefix: (prefix ?? "").replace(/\/+$/, ""), ...options }));
  }
  if (/^[a-z][a-z0-9+]*:/.test(place)) return refuse("usage", `${place} is neither a folder nor s3://BUCKET/PREFIX`);
  return accept(folderTarget(place));
}
