import { randomBytes } from "node:crypto";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { accept, type Result, refuse } from "../base/result.ts";
import { type KeyPair, keyPairFromSeed, SEED_BYTES } from "../codec/signature.ts";
import type { Disk } from "./disk.ts";
import { writeWhole } from "./whole-file.ts";

export const voteKeyPath = (folder: string): string => join(folder, "vote.key");

/** The vote key of this volume, made on its first start. It is in no Secret and no backup: it dies with the volume. */
export function loadVoteKey(disk: Disk, folder: string): Result<KeyPair, "damaged"> {
  const path = voteKeyPath(folder);
  if (!disk.exists(path)) writeWhole(disk, path, randomBytes(SEED_BYTES));
  // A kubelet that sets the group of a volume (fsGroup) also widens the modes in it.
  chmodSync(path, 0o600);
  const seed = readFileSync(path);
  if (seed.length !== SEED_BYTES) return refuse("damaged", `${path} has ${seed.length} bytes instead of ${SEED_BYTES}`);
  return accept(keyPairFromSeed(seed));
}
