import { assert, unreachable } from "../base/assert.ts";
import { concatBytes, equalBytes, fromHex, type Hex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { hashBytes, readHash } from "./parse.ts";
import { type Reader, reader } from "./reader.ts";
import { type KeyPair, PUBLIC_KEY_BYTES, SIGNATURE_BYTES, sign, verify } from "./signature.ts";
import type { RecordFault } from "./validator-record.ts";
import { writer } from "./writer.ts";

/**
 * What the parameter authority orders (domain.md, "Genesis"): 1 224 bytes, little-endian. The body of 128 bytes: kind u8
 * @0, zeros @1, validator or parameter u32 @4, zeros @8, serial u64 @16, value u64 @24, vote key @32, account u128 @64,
 * amount u128 @80, owner key @96. Then the vote key's signature @128, a mask of the authority's keys that signed u16
 * @192, zeros @194, and their signatures in the order of the keys @200, the rest zero. All sign (chain id, body).
 */
export const AUTHORITY_RECORD_BYTES = 1_224;
export const AUTHORITY_KEYS_MAX = 16;
const BODY_BYTES = 128;
const MASK_AT = BODY_BYTES + SIGNATURE_BYTES;
const SIGNATURES_AT = MASK_AT + 8;
const ZEROS = "00".repeat(32);

/** An order's serial is higher than that of every one before it: no order counts twice, and a higher one voids it. */
export type AuthorityRecord =
  /** Registers a validator, whose owner signs the batch and bonds `amount` from an ATR account; the vote key signs too. */
  | {
      readonly kind: "join";
      readonly serial: bigint;
      readonly validator: number;
      readonly voteKey: Hex;
      readonly ownerKey: Hex;
      readonly account: bigint;
      readonly amount: bigint;
    }
  /** Gives a validator a new vote key, which signs too. */
  | { readonly kind: "replace_vote_key"; readonly serial: bigint; readonly validator: number; readonly voteKey: Hex }
  | { readonly kind: "set_parameter"; readonly serial: bigint; readonly parameter: number; readonly value: bigint }
  /** Lets a validator's leave or jail happen although fewer than four remain. */
  | { readonly kind: "release"; readonly serial: bigint; readonly validator: number };

export type SignedAuthorityRecord = {
  readonly record: AuthorityRecord;
  readonly body: Uint8Array;
  /** Zeros where the kind names no vote key. */
  readonly voteKeySignature: Uint8Array;
  /** By place of the key in the genesis's sorted list. */
  readonly signatures: ReadonlyMap<number, Uint8Array>;
};

const KINDS = ["join", "replace_vote_key", "set_parameter", "release"] as const;
// Tell these signatures from every other one that the same keys may make.
const AUTHORITY_PURPOSE = new TextEncoder().encode("hmn authority record 1\n");
const VOTE_KEY_PURPOSE = new TextEncoder().encode("hmn vote key record 1\n");

/** `authority`: key pairs by place of their key in the genesis's sorted list. `voteKey` where the record names one. */
export function signAuthorityRecord({
  record,
  chainId,
  authority,
  voteKey,
}: {
  record: AuthorityRecord;
  chainId: Hex;
  authority: ReadonlyMap<number, KeyPair>;
  voteKey?: KeyPair;
}): Uint8Array {
  const bytes = new Uint8Array(AUTHORITY_RECORD_BYTES);
  const body = encodeBody(record);
  bytes.set(body, 0);
  if (voteKey !== undefined) bytes.set(sign(message(VOTE_KEY_PURPOSE, chainId, body), voteKey.secretKey), BODY_BYTES);
  const places = [...authority].toSorted(([a], [b]) => a - b);
  let mask = 0;
  for (const [order, [place, keyPair]] of places.entries()) {
    assert(place >= 0 && place < AUTHORITY_KEYS_MAX, "the authority has that many keys at most");
    mask |= 1 << place;
    const signature = sign(message(AUTHORITY_PURPOSE, chainId, body), keyPair.secretKey);
    bytes.set(signature, SIGNATURES_AT + order * SIGNATURE_BYTES);
  }
  new DataView(bytes.buffer).setUint16(MASK_AT, mask, true);
  return bytes;
}

/** Each record of a payload, or why it is none; who signed is asked with the two functions below. */
export function decodeAuthorityRecords(payload: Uint8Array): Result<SignedAuthorityRecord, RecordFault>[] {
  assert(payload.length % AUTHORITY_RECORD_BYTES === 0, "authority records are whole");
  return Array.from({ length: payload.length / AUTHORITY_RECORD_BYTES }, (_, index) =>
    decode(payload.subarray(index * AUTHORITY_RECORD_BYTES, (index + 1) * AUTHORITY_RECORD_BYTES)),
  );
}

/** Whether at least `threshold` of the keys signed, and none of the signatures is wrong. */
export function authoritySigned(
  { body, signatures }: SignedAuthorityRecord,
  authority: { readonly publicKeys: readonly Hex[]; readonly threshold: number; readonly chainId: Hex },
): boolean {
  if (signatures.size < authority.threshold) return false;
  const signed = message(AUTHORITY_PURPOSE, authority.chainId, body);
  return [...signatures].every(([place, signature]) => {
    const publicKey = fromHex(authority.publicKeys[place] ?? "", PUBLIC_KEY_BYTES);
    return publicKey !== undefined && verify({ message: signed, signature, publicKey });
  });
}

/** Whether the holder of the new vote key agrees, so that nobody is registered with a key that is not theirs. */
export const voteKeySigned = (
  { body, voteKeySignature }: SignedAuthorityRecord,
  { voteKey, chainId }: { voteKey: Hex; chainId: Hex },
): boolean =>
  verify({
    message: message(VOTE_KEY_PURPOSE, chainId, body),
    signature: voteKeySignature,
    publicKey: hashBytes(voteKey),
  });

const message = (purpose: Uint8Array, chainId: Hex, body: Uint8Array): Uint8Array =>
  concatBytes(purpose, hashBytes(chainId), body);

function encodeBody(record: AuthorityRecord): Uint8Array {
  const to = {
    validator: 0,
    value: 0n,
    voteKey: ZEROS,
    account: 0n,
    amount: 0n,
    ownerKey: ZEROS,
    ...fieldsOf(record),
  };
  return writer()
    .u8(KINDS.indexOf(record.kind) + 1)
    .fixed(new Uint8Array(3))
    .u32(to.validator)
    .u64(0n)
    .u64(record.serial)
    .u64(to.value)
    .fixed(hashBytes(to.voteKey))
    .u128(to.account)
    .u128(to.amount)
    .fixed(hashBytes(to.ownerKey))
    .done();
}

type Fields = {
  validator?: number;
  value?: bigint;
  voteKey?: Hex;
  account?: bigint;
  amount?: bigint;
  ownerKey?: Hex;
};

function fieldsOf(record: AuthorityRecord): Fields {
  switch (record.kind) {
    case "join": {
      const { validator, voteKey, account, amount, ownerKey } = record;
      return { validator, voteKey, account, amount, ownerKey };
    }
    case "replace_vote_key":
      return { validator: record.validator, voteKey: record.voteKey };
    case "set_parameter":
      return { validator: record.parameter, value: record.value };
    case "release":
      return { validator: record.validator };
    default:
      return unreachable(record);
  }
}

function decode(bytes: Uint8Array): Result<SignedAuthorityRecord, RecordFault> {
  const body = bytes.subarray(0, BODY_BYTES);
  const record = readBody(reader(body));
  if (record === undefined) return refuse("record_kind_unknown");
  const mask = new DataView(bytes.buffer, bytes.byteOffset).getUint16(MASK_AT, true);
  const places = Array.from({ length: AUTHORITY_KEYS_MAX }, (_, place) => place).filter((at) => (mask >> at) & 1);
  const end = SIGNATURES_AT + places.length * SIGNATURE_BYTES;
  const zeros = [bytes.subarray(MASK_AT + 2, SIGNATURES_AT), bytes.subarray(end)];
  const voteKeySignature = bytes.subarray(BODY_BYTES, MASK_AT);
  if (record.kind !== "join" && record.kind !== "replace_vote_key") zeros.push(voteKeySignature);
  const canonical = zeros.every((part) => part.every((byte) => byte === 0)) && equalBytes(encodeBody(record), body);
  if (!canonical) return refuse("reserved_field");
  const signatureAt = (order: number) => SIGNATURES_AT + order * SIGNATURE_BYTES;
  const signatures = new Map(
    places.map((place, order) => [place, bytes.subarray(signatureAt(order), signatureAt(order + 1))]),
  );
  return accept({ record, body, voteKeySignature, signatures });
}

function readBody(from: Reader): AuthorityRecord | undefined {
  const kind = KINDS[from.u8() - 1];
  from.fixed(3);
  const validator = from.u32();
  from.u64();
  const serial = from.u64();
  const value = from.u64();
  const voteKey = readHash(from);
  const account = from.u128();
  const amount = from.u128();
  const ownerKey = readHash(from);
  if (kind === undefined) return undefined;
  switch (kind) {
    case "join":
      return { kind, serial, validator, voteKey, ownerKey, account, amount };
    case "replace_vote_key":
      return { kind, serial, validator, voteKey };
    case "set_parameter":
      return { kind, serial, parameter: validator, value };
    case "release":
      return { kind, serial, validator };
    default:
      return unreachable(kind);
  }
}
