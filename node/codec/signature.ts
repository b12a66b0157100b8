import sodium from "sodium-native";
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from "./key-sizes.ts";

export { PUBLIC_KEY_BYTES, SEED_BYTES, SIGNATURE_BYTES } from "./key-sizes.ts";

/**
 * Ed25519 (RFC 8032) by libsodium, the one signature library on every node: validators that disagree on one signature
 * would fork. libsodium refuses small-order keys and non-canonical encodings.
 */
export type KeyPair = { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array };

/** The key pair of a 32-byte secret seed. */
export function keyPairFromSeed(seed: Uint8Array): KeyPair {
  const publicKey = Buffer.alloc(PUBLIC_KEY_BYTES);
  const secretKey = Buffer.alloc(64);
  sodium.crypto_sign_seed_keypair(publicKey, secretKey, Buffer.from(seed));
  return { publicKey: new Uint8Array(publicKey), secretKey: new Uint8Array(secretKey) };
}

export function sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array {
  const signature = Buffer.alloc(SIGNATURE_BYTES);
  sodium.crypto_sign_detached(signature, Buffer.from(message), Buffer.from(secretKey));
  return new Uint8Array(signature);
}

/** False for a wrong signature and for anything that is not a signature or a key. */
export function verify({
  message,
  signature,
  publicKey,
}: {
  message: Uint8Array;
  signature: Uint8Array;
  publicKey: Uint8Array;
}): boolean {
  if (signature.length !== SIGNATURE_BYTES || publicKey.length !== PUBLIC_KEY_BYTES) return false;
  return sodium.crypto_sign_verify_detached(signature, message, publicKey);
}
