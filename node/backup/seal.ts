import { createCipheriv, createDecipheriv, createHash, hkdfSync } from "node:crypto";
import { toHex } from "../base/bytes.ts";

/** Keys of one backup, derived from the user's and the backup's salt (RFC 5869), so that no two backups share one. */
export type BackupKeys = {
  /** Names the user's key. */
  readonly id: string;
  readonly pieces: Uint8Array;
  readonly mac: Uint8Array;
};

/** Content of one piece: what is held in memory at a time, some times over. */
export const PIECE_BYTES = 4 * 1024 * 1024;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const ID_DIGITS = 16;

export function backupKeys(key: Uint8Array, salt: string): BackupKeys {
  const derive = (info: string): Uint8Array =>
    new Uint8Array(hkdfSync("sha256", key, Buffer.from(salt, "hex"), `hmn backup 1 ${info}`, KEY_BYTES));
  const named = hkdfSync("sha256", key, new Uint8Array(), "hmn backup 1 id", KEY_BYTES);
  return { id: toHex(new Uint8Array(named)).slice(0, ID_DIGITS), pieces: derive("pieces"), mac: derive("manifest") };
}

/** AES-256-GCM; the nonce is the piece's number, which a key sees once. The tag stands behind the bytes. */
export function sealPiece({ pieces }: BackupKeys, index: number, content: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-256-gcm", pieces, nonce(index));
  return new Uint8Array(Buffer.concat([cipher.update(content), cipher.final(), cipher.getAuthTag()]));
}

/** The content, or undefined if it is not what was sealed with this key as this piece. */
export function openPiece({ pieces }: BackupKeys, index: number, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < TAG_BYTES) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", pieces, nonce(index), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]));
  } catch {
    return undefined;
  }
}

function nonce(index: number): Uint8Array {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(index, 8);
  return bytes;
}

export const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
