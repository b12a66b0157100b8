import { createHash } from "node:crypto";
import { type Hex, toHex } from "../base/bytes.ts";

export const HASH_BYTES = 32;

/** SHA-256 of the parts behind each other. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

export const sha256Hex = (...parts: readonly Uint8Array[]): Hex => toHex(sha256(...parts));

/** SHA-256 of bytes that come one after the other; `digest` may be asked for at any time and ends nothing. */
export type RunningHash = { update(bytes: Uint8Array): void; digest(): Uint8Array };

export function runningSha256(): RunningHash {
  const hash = createHash("sha256");
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => new Uint8Array(hash.copy().digest()),
  };
}
