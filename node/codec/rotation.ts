import { assert } from "../base/assert.ts";
import { concatBytes, type Hex, toHex } from "../base/bytes.ts";
import { hashBytes } from "./parse.ts";
import { type KeyPair, PUBLIC_KEY_BYTES, SIGNATURE_BYTES, sign, verify } from "./signature.ts";
import { readU128, writeU128 } from "./transfer.ts";

/**
 * Gives an account a new owner key: 112 bytes, little-endian. account u128 @0, new owner key @16, and that key's signature
 * @48 over (chain id, the first 48 bytes). The old owner signs the batch.
 */
export const ROTATION_BYTES = 112;
const SIGNED_BYTES = 48;
// Tells this signature from every other one that the same key may make.
const PURPOSE = new TextEncoder().encode("hmn rotation record 1\n");

export type Rotation = {
  readonly account: bigint;
  readonly ownerKey: Hex;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
};

export function signRotation({
  account,
  chainId,
  owner,
}: {
  account: bigint;
  chainId: Hex;
  /** The new owner. */
  owner: KeyPair;
}): Uint8Array {
  const bytes = new Uint8Array(ROTATION_BYTES);
  writeU128(new DataView(bytes.buffer), 0, account);
  bytes.set(owner.publicKey, 16);
  bytes.set(sign(message(chainId, bytes.subarray(0, SIGNED_BYTES)), owner.secretKey), SIGNED_BYTES);
  return bytes;
}

export function decodeRotations(payload: Uint8Array): Rotation[] {
  assert(payload.length % ROTATION_BYTES === 0, "rotations are whole records");
  return Array.from({ length: payload.length / ROTATION_BYTES }, (_, index) => {
    const bytes = payload.subarray(index * ROTATION_BYTES, (index + 1) * ROTATION_BYTES);
    return {
      account: readU128(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0),
      ownerKey: toHex(bytes.subarray(16, 16 + PUBLIC_KEY_BYTES)),
      signed: bytes.subarray(0, SIGNED_BYTES),
      signature: bytes.subarray(SIGNED_BYTES, SIGNED_BYTES + SIGNATURE_BYTES),
    };
  });
}

/** Whether the new owner has signed this rotation for this network. */
export const verifyRotation = ({ ownerKey, signed, signature }: Rotation, chainId: Hex): boolean =>
  verify({ message: message(chainId, signed), signature, publicKey: hashBytes(ownerKey) });

const message = (chainId: Hex, signed: Uint8Array): Uint8Array => concatBytes(PURPOSE, hashBytes(chainId), signed);
