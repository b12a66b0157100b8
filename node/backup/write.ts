import { randomBytes } from "node:crypto";
import { assert } from "../base/assert.ts";
import { concatBytes } from "../base/bytes.ts";
import { BACKUP_FORMAT, type ManifestBody, PIECES_MAX, pieceName, writeManifest } from "./manifest.ts";
import { backupKeys, PIECE_BYTES, sealPiece, sha256Of } from "./seal.ts";
import { frame } from "./state-file.ts";
import { MANIFEST, type Target } from "./target.ts";

/** What the one who makes a backup knows of it. */
export type BackupFacts = Omit<ManifestBody, "format" | "salt" | "keyId" | "bytes" | "pieces">;

/**
 * Seals `frames` piece by piece, as they come, and stores them; the manifest is last. Answers it and its hash. A second one of the same
 * name takes the first one's place: that is gone from the moment on at which this begins.
 */
export async function writeBackup(
  target: Target,
  { name, key, frames, ...facts }: BackupFacts & { name: string; key: Uint8Array; frames: Iterable<Uint8Array> },
): Promise<{ readonly manifest: ManifestBody; readonly sha256: string }> {
  await target.remove(name);
  const salt = randomBytes(32).toString("hex");
  const keys = backupKeys(key, salt);
  const pieces: ManifestBody["pieces"] = [];
  let bytes = 0;
  for (const content of cut(frames)) {
    const index = pieces.length;
    assert(index < PIECES_MAX, "a backup's pieces are bounded");
    const sealed = sealPiece(keys, index, content);
    await target.put(`${name}/${pieceName(index)}`, sealed);
    bytes += content.length;
    pieces.push({ name: pieceName(index), bytes: sealed.length, sha256: sha256Of(sealed) });
  }
  const body = { format: BACKUP_FORMAT, ...facts, salt, keyId: keys.id, bytes, pieces } as const;
  const manifest = new TextEncoder().encode(writeManifest(body, keys));
  await target.put(`${name}/${MANIFEST}`, manifest);
  return { manifest: body, sha256: sha256Of(manifest) };
}

/** Frames behind their lengths, cut into pieces of equal size whatever their borders. */
function* cut(frames: Iterable<Uint8Array>): Generator<Uint8Array> {
  let held: Uint8Array[] = [];
  let length = 0;
  for (const bytes of frames) {
    const framed = frame(bytes);
    held.push(framed);
    length += framed.length;
    if (length < PIECE_BYTES) continue;
    let whole = concatBytes(...held);
    for (; whole.length >= PIECE_BYTES; whole = whole.subarray(PIECE_BYTES)) yield whole.subarray(0, PIECE_BYTES);
    held = [whole];
    length = whole.length;
  }
  if (length > 0) yield concatBytes(...held);
}
