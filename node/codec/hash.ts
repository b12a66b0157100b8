import { createHash, hash } from "node:crypto";
import type { Hex } from "../base/bytes.ts";

export const HASH_BYTES = 32;

/** SHA-256 of the parts behind each other. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.from(sha256Hex(...parts), "hex"));
}

/** Parts that are shorter than this together are copied behind each other: making a hash object costs more. */
const SHORT_BYTES = 1024;
const short = new Uint8Array(SHORT_BYTES);

export function sha256Hex(...parts: readonly Uint8Array[]): Hex {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return hash("sha256", only, "hex");
  let length = 0;
  for (const part of parts) {
    if (length + part.length > SHORT_BYTES) return longHash(parts);
    short.set(part, length);
    length += part.length;
  }
  return hash("sha256", short.subarray(0, length), "hex");
}

function longHash(parts: readonly Uint8Array[]): Hex {
  const running = createHash("sha256");
  for (const part of parts) running.update(part);
  return running.digest("hex");
}

/** SHA-256 of bytes that come one after the other; `digest` may be asked for at any time and ends nothing. */
export type RunningHash = { update(bytes: Uint8Array): void; digest(): Uint8Array };

export function runningSha256(): RunningHash {
  const running = createHash("sha256");
  return {
    update: (bytes) => void running.update(bytes),
    digest: () => new Uint8Array(running.copy().digest()),
  };
}
