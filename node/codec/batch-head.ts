import { assert } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { sha256 } from "./hash.ts";
import { hashBytes } from "./parse.ts";

/** The first 128 bytes of a batch, which its client signs; `batch.ts` has the layout. */
export const SIGNED_BYTES = 128;
export const BATCH_VERSION = 1;
export const MAGIC = new TextEncoder().encode("HMNB");
const U64_MAX = (1n << 64n) - 1n;

/** Of each type of batch, its number in the header. */
export const BATCH_TYPE_NUMBERS = {
  transfers: 1,
  accounts: 2,
  rotations: 3,
  conversions: 4,
  validator: 5,
  authority: 6,
  reports: 7,
  anchors: 8,
} as const;
export type BatchType = keyof typeof BATCH_TYPE_NUMBERS;

export function encodeBatchHead(fields: {
  type: BatchType;
  count: number;
  payload: Uint8Array;
  chainId: Hex;
  publicKey: Uint8Array;
  stream: bigint;
  sequence: bigint;
  expiryMs: number;
}): Uint8Array {
  assert(fields.stream >= 0n && fields.stream <= U64_MAX, "stream fits 64 bits");
  assert(fields.sequence >= 0n && fields.sequence <= U64_MAX, "sequence fits 64 bits");
  const head = new Uint8Array(SIGNED_BYTES);
  const view = new DataView(head.buffer);
  head.set(MAGIC, 0);
  view.setUint8(4, BATCH_TYPE_NUMBERS[fields.type]);
  view.setUint8(5, BATCH_VERSION);
  view.setUint16(6, fields.count, true);
  head.set(hashBytes(fields.chainId), 8);
  head.set(fields.publicKey, 40);
  view.setBigUint64(72, fields.stream, true);
  view.setBigUint64(80, fields.sequence, true);
  view.setBigUint64(88, BigInt(fields.expiryMs), true);
  head.set(sha256(fields.payload), 96);
  return head;
}
