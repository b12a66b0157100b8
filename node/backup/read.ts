import { open, rename, rm } from "node:fs/promises";
import { accept, type Refusal, type Result, refuse } from "../base/result.ts";
import { checkManifest, type Manifest, type ManifestFault, parseManifest } from "./manifest.ts";
import { type BackupKeys, backupKeys, openPiece, sha256Of } from "./seal.ts";
import { MANIFEST, type Target } from "./target.ts";

export type BackupFault = ManifestFault | "no_backup" | "piece_missing" | "piece_changed";

/** The manifest of a backup, by its form alone: whoever has no key may still see what there is. */
export async function readManifest(target: Target, name: string): Promise<Result<Manifest, BackupFault>> {
  const bytes = await target.get(`${name}/${MANIFEST}`);
  if (bytes === undefined)
    return refuse(
      "no_backup",
      `there is no ${name}/${MANIFEST}: no backup of this name, or one that was never finished`,
    );
  return parseManifest(new TextDecoder().decode(bytes));
}

/** Brings the content of a backup, every piece held against the manifest and opened, into a file of its own. */
export async function fetchBackup(
  target: Target,
  { name, key, path }: { readonly name: string; readonly key: Uint8Array; readonly path: string },
): Promise<Result<Manifest, BackupFault>> {
  const parsed = await readManifest(target, name);
  if (!parsed.ok) return parsed;
  const keys = backupKeys(key, parsed.value.salt);
  const checked = checkManifest(parsed.value, keys);
  if (!checked.ok) return checked;
  const manifest = checked.value;
  const fault = await fetchPieces(target, { name, path: `${path}.new`, manifest, keys });
  if (fault !== undefined) {
    await rm(`${path}.new`, { force: true });
    return fault;
  }
  await rename(`${path}.new`, path);
  return accept(manifest);
}

async function fetchPieces(
  target: Target,
  { name, path, manifest, keys }: { name: string; path: string; manifest: Manifest; keys: BackupKeys },
): Promise<Refusal<BackupFault> | undefined> {
  const file = await open(path, "w", 0o600);
  let written = 0;
  try {
    for (const [index, piece] of manifest.pieces.entries()) {
      const sealed = await target.get(`${name}/${piece.name}`);
      const fault = pieceFault(`${name}/${piece.name}`, piece, sealed);
      if (fault !== undefined) return fault;
      const content = openPiece(keys, index, sealed ?? new Uint8Array());
      if (content === undefined) return refuse("piece_changed", `${name}/${piece.name} cannot be opened with this key`);
      await file.writeFile(content);
      written += content.length;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return written === manifest.bytes
    ? undefined
    : refuse("piece_changed", `its content has ${written} bytes, ${manifest.bytes} were sealed`);
}

function pieceFault(name: string, piece: Manifest["pieces"][number], sealed: Uint8Array | undefined) {
  if (sealed === undefined) return refuse("piece_missing", `${name} is missing`);
  if (sealed.length !== piece.bytes)
    return refuse("piece_changed", `${name} has ${sealed.length} bytes, ${piece.bytes} were written`);
  if (sha256Of(sealed) !== piece.sha256) return refuse("piece_changed", `${name} is not what was written`);
  return undefined;
}
