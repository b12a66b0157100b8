import { assert } from "../base/assert.ts";
import { readU128, writeU128 } from "./transfer.ts";

/**
 * Burns one token and issues another (domain.md, "Ledger"): 48 bytes, little-endian. debit account u128 @0, credit account
 * u128 @16, amount u128 @32, in the burned token. The accounts' ledgers say which tokens.
 */
export const CONVERSION_BYTES = 48;

export type Conversion = { readonly debit: bigint; readonly credit: bigint; readonly amount: bigint };

/** The payload of a batch of type `conversions`. */
export function encodeConversions(conversions: readonly Conversion[]): Uint8Array {
  const bytes = new Uint8Array(conversions.length * CONVERSION_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, { debit, credit, amount }] of conversions.entries()) {
    const at = index * CONVERSION_BYTES;
    writeU128(view, at, debit);
    writeU128(view, at + 16, credit);
    writeU128(view, at + 32, amount);
  }
  return bytes;
}

/** Every bit pattern is a conversion; whether it is a permitted one is the chain's question. */
export function decodeConversions(payload: Uint8Array): Conversion[] {
  assert(payload.length % CONVERSION_BYTES === 0, "conversions are whole records");
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  return Array.from({ length: payload.length / CONVERSION_BYTES }, (_, index) => {
    const at = index * CONVERSION_BYTES;
    return { debit: readU128(view, at), credit: readU128(view, at + 16), amount: readU128(view, at + 32) };
  });
}
