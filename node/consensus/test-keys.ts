import { concatBytes, equalBytes, type Hex, toHex } from "../base/bytes.ts";
import { type Committee, committeeOf, type Verify } from "../codec/certificate.ts";
import { sha256 } from "../codec/hash.ts";
import { SOUND_RULES } from "./rules.ts";

export const chainId: Hex = "c".repeat(64);
/** A stub signature: everybody who knows the message and the public key can make it. */
export const keyOf = (id: number): Uint8Array => new Uint8Array(32).fill(id + 1);
export const signAs = (id: number, message: Uint8Array): Uint8Array => {
  const half = sha256(keyOf(id), message);
  return concatBytes(half, half);
};
export const verifyStub: Verify = ({ message, signature, publicKey }) => {
  const half = sha256(publicKey, message);
  return equalBytes(signature, concatBytes(half, half));
};

export const committeeWith = (weights: Readonly<Record<number, number>>, rules = SOUND_RULES): Committee =>
  committeeOf(
    Object.entries(weights).map(([id, weight]) => ({ id: Number(id), weight, publicKey: toHex(keyOf(Number(id))) })),
    rules.quorum,
  );
