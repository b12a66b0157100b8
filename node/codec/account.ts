import { assert } from "../base/assert.ts";
import { concatBytes, fromHex, type Hex, toHex } from "../base/bytes.ts";
import { type KeyPair, PUBLIC_KEY_BYTES, SIGNATURE_BYTES, sign, verify } from "./signature.ts";
import { readU128, writeU128 } from "./transfer.ts";

/**
 * The creation of one account on the wire: 176 bytes, little-endian. id u128 @0, payer u128 @16, user_data_128 @32,
 * user_data_64 @48, user_data_32 @56, ledger u32 @60, code u16 @64, flags u16 @66, zeros @68, owner key @80, and the new
 * owner's signature @112, so that nobody is given an account for a key that they do not hold.
 */
export const ACCOUNT_RECORD_BYTES = 176;
const SIGNED_BYTES = 112;
const RESERVED = { from: 68, to: 80 } as const;

/** Bits of an account's flags; numbers as in TigerBeetle. */
export const accountFlags = {
  linked: 1 << 0,
  debitsMustNotExceedCredits: 1 << 1,
  creditsMustNotExceedDebits: 1 << 2,
} as const;

export type AccountRecord = {
  readonly id: bigint;
  /** The FLX account that pays the fee; its owner signs the batch. */
  readonly payer: bigint;
  readonly userData128: bigint;
  readonly userData64: bigint;
  readonly userData32: number;
  readonly ledger: number;
  readonly code: number;
  readonly flags: number;
  readonly ownerKey: Hex;
};

export type SignedAccountRecord = AccountRecord & {
  /** The reserved bytes, which have to be zero. */
  readonly reservedZero: boolean;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
};

// Tells this signature from every other one that the same key may make.
const PURPOSE = new TextEncoder().encode("hmn account record 1\n");

export function signAccountRecord({
  record,
  chainId,
  owner,
}: {
  record: AccountRecord;
  chainId: Hex;
  owner: KeyPair;
}): Uint8Array {
  const bytes = new Uint8Array(ACCOUNT_RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  writeU128(view, 0, record.id);
  writeU128(view, 16, record.payer);
  writeU128(view, 32, record.userData128);
  view.setBigUint64(48, record.userData64, true);
  view.setUint32(56, record.userData32, true);
  view.setUint32(60, record.ledger, true);
  view.setUint16(64, record.code, true);
  view.setUint16(66, record.flags, true);
  assert(record.ownerKey === toHex(owner.publicKey), "the owner signs its own record");
  bytes.set(owner.publicKey, RESERVED.to);
  bytes.set(sign(message(chainId, bytes.subarray(0, SIGNED_BYTES)), owner.secretKey), SIGNED_BYTES);
  return bytes;
}

export function decodeAccountRecords(bytes: Uint8Array): SignedAccountRecord[] {
  assert(bytes.length % ACCOUNT_RECORD_BYTES === 0, "accounts are whole records");
  const records: SignedAccountRecord[] = [];
  for (let at = 0; at < bytes.length; at += ACCOUNT_RECORD_BYTES) {
    const record = bytes.subarray(at, at + ACCOUNT_RECORD_BYTES);
    const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
    records.push({
      id: readU128(view, 0),
      payer: readU128(view, 16),
      userData128: readU128(view, 32),
      userData64: view.getBigUint64(48, true),
      userData32: view.getUint32(56, true),
      ledger: view.getUint32(60, true),
      code: view.getUint16(64, true),
      flags: view.getUint16(66, true),
      reservedZero: record.subarray(RESERVED.from, RESERVED.to).every((byte) => byte === 0),
      ownerKey: toHex(record.subarray(RESERVED.to, RESERVED.to + PUBLIC_KEY_BYTES)),
      signed: record.subarray(0, SIGNED_BYTES),
      signature: record.subarray(SIGNED_BYTES, SIGNED_BYTES + SIGNATURE_BYTES),
    });
  }
  return records;
}

/** Whether the new owner has signed this record for this network. */
export function verifyAccountRecord(record: SignedAccountRecord, chainId: Hex): boolean {
  const publicKey = fromHex(record.ownerKey, PUBLIC_KEY_BYTES);
  assert(publicKey !== undefined, "owner key is hexadecimal");
  return verify({ message: message(chainId, record.signed), signature: record.signature, publicKey });
}

function message(chainId: Hex, record: Uint8Array): Uint8Array {
  const chain = fromHex(chainId, 32);
  assert(chain !== undefined, "chain id is 32 bytes");
  return concatBytes(PURPOSE, chain, record);
}
