import { writeFileSync } from "node:fs";
import { openTarget } from "../backup/open-target.ts";
import { BACKUP_NAME, type Target, type TargetOptions } from "../backup/target.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import type { Flags, Parsed } from "./flags.ts";
import { readSeedFile } from "./key-file.ts";

/** Flags of every command that reaches for a TARGET: a folder or s3://BUCKET/PREFIX. */
export const STORE_FLAGS = {
  endpoint: { value: "URL", help: "of a store that speaks Amazon's S3 protocol and is not Amazon's" },
  region: { value: "NAME", help: "of the store; AWS_REGION, or us-east-1, without" },
} as const satisfies Flags;

/** And of those that open a backup there. */
export const BACKUP_FLAGS = {
  key: { value: "FILE", help: "32 bytes that encrypt the backup, as they are or as 64 hexadecimal digits" },
  ...STORE_FLAGS,
} as const satisfies Flags;

export const REPORT_FLAGS = {
  report: { value: "FILE", help: "writes what came out of it here, as JSON" },
} as const satisfies Flags;

/** For whoever started the command: a Job's termination message. */
export function report(flags: Parsed<typeof REPORT_FLAGS>, told: object): void {
  const path = flags.text("report");
  if (path !== undefined) writeFileSync(path, `${JSON.stringify(told)}\n`);
}

export const storeIn = (flags: Parsed<typeof STORE_FLAGS>): TargetOptions => ({
  endpoint: flags.text("endpoint"),
  region: flags.text("region"),
});

export type BackupPlace = { readonly target: Target; readonly key: Uint8Array };

/** The named target, and the key. The caller closes the target. */
export async function backupPlace(
  flags: Parsed<typeof BACKUP_FLAGS>,
  place: string,
): Promise<Result<BackupPlace, "usage">> {
  const file = flags.text("key");
  if (file === undefined) return refuse("usage", "--key is missing");
  const key = readSeedFile(file);
  if (!key.ok) return key;
  const target = await openTarget(place, storeIn(flags));
  return target.ok ? accept({ target: target.value, key: key.value }) : target;
}

export function backupNameIn(text: string): Result<string, "usage"> {
  if (BACKUP_NAME.test(text)) return accept(text);
  return refuse("usage", `${JSON.stringify(text)} is no name of a backup: lower-case letters, digits, - and .`);
}
