import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { accept, type Result, refuse } from "../base/result.ts";
import type { BackupKeys } from "./seal.ts";

/**
 * What a backup is, in plain text beside its pieces: written last, so that a backup without one was never finished. It tells
 * sizes and hashes, nothing of an account.
 */
export const BACKUP_FORMAT = "hmn backup 1";
/** Pieces of 4 MiB: 256 GiB. */
export const PIECES_MAX = 65_536;

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const counter = z.number().int().nonnegative();
const bodySchema = z.object({
  format: z.literal(BACKUP_FORMAT),
  network: z.string().min(1).max(63),
  chainId: hash,
  /** The checkpoint block after which this is the state. */
  height: counter,
  timeNs: z.string().regex(/^[0-9]{1,20}$/),
  blockHash: hash,
  stateRoot: hash,
  subroots: z.object({ accounts: hash, ids: hash, parameters: hash, pending: hash, validators: hash }),
  /** Release of the node that made it. */
  release: z.string().max(64),
  createdAt: z.iso.datetime(),
  /** Its keys are derived from the user's with this. */
  salt: hash,
  /** Which of the user's keys: says nothing of the key itself. */
  keyId: z.string().regex(/^[0-9a-f]{16}$/),
  /** Of the content, before sealing. */
  bytes: counter,
  pieces: z
    .array(z.object({ name: z.string().regex(/^piece-[0-9]{5}$/), bytes: counter, sha256: hash }))
    .max(PIECES_MAX),
});
const manifestSchema = bodySchema.extend({ mac: hash });

export type ManifestBody = z.infer<typeof bodySchema>;
export type Manifest = z.infer<typeof manifestSchema>;
export type ManifestFault = "manifest_malformed" | "wrong_key" | "manifest_changed";

export const pieceName = (index: number): string => `piece-${String(index).padStart(5, "0")}`;

/** The manifest's text, signed with the key, so that nobody without it can make one. */
export function writeManifest(body: ManifestBody, keys: BackupKeys): string {
  const checked = bodySchema.parse(body);
  return `${JSON.stringify({ ...checked, mac: macOf(checked, keys).toString("hex") }, null, 2)}\n`;
}

/** Form only: `checkManifest` holds it against the key. */
export function parseManifest(text: string): Result<Manifest, ManifestFault> {
  try {
    const parsed = manifestSchema.safeParse(JSON.parse(text));
    if (parsed.success) return accept(parsed.data);
    const [issue] = parsed.error.issues;
    return refuse("manifest_malformed", `the manifest's ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "wrong"}`);
  } catch {
    return refuse("manifest_malformed", "the manifest is not JSON");
  }
}

export function checkManifest(manifest: Manifest, keys: BackupKeys): Result<Manifest, ManifestFault> {
  if (manifest.keyId !== keys.id)
    return refuse("wrong_key", `the backup was made with the key ${manifest.keyId}, this one is ${keys.id}`);
  const { mac, ...body } = manifest;
  if (!timingSafeEqual(Buffer.from(mac, "hex"), macOf(body, keys)))
    return refuse("manifest_changed", "the manifest is not what was written with this key");
  if (manifest.pieces.some(({ name }, index) => name !== pieceName(index)))
    return refuse("manifest_malformed", "pieces are out of order");
  return accept(manifest);
}

/** Over the fields in the order of the schema, however the text has them. */
const macOf = (body: ManifestBody, { mac }: BackupKeys): Buffer =>
  createHmac("sha256", mac)
    .update(JSON.stringify(bodySchema.parse(body)))
    .digest();
