import { readFileSync } from "node:fs";
import { fromHex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { type KeyPair, keyPairFromSeed, SEED_BYTES } from "../codec/signature.ts";

/** The key pair of a file that holds a seed. */
export function readKeyFile(path: string): Result<KeyPair, "usage"> {
  const seed = readSeedFile(path);
  return seed.ok ? accept(keyPairFromSeed(seed.value)) : seed;
}

/** The seed in a file: 64 hexadecimal digits, as `hmn-node keygen` writes it, or 32 bytes. */
export function readSeedFile(path: string): Result<Uint8Array, "usage"> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    return refuse("usage", `--key: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const seed =
    bytes.length === SEED_BYTES ? new Uint8Array(bytes) : fromHex(bytes.toString("latin1").trim(), SEED_BYTES);
  if (seed === undefined) return refuse("usage", `--key: ${path} holds neither 64 hexadecimal digits nor 32 bytes`);
  return accept(seed);
}
