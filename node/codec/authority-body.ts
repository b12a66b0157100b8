import { assert, unreachable } from "../base/assert.ts";
import { concatBytes, type Hex } from "../base/bytes.ts";
import { SIGNATURE_BYTES } from "./key-sizes.ts";
import { hashBytes, readHash } from "./parse.ts";
import { type Reader, reader } from "./reader.ts";
import { writer } from "./writer.ts";

/**
 * What the parameter authority orders (domain.md, "Genesis"): 1 224 bytes, little-endian. The body of 128 bytes: kind u8
 * @0, zeros @1, validator or parameter u32 @4, zeros @8, serial u64 @16, value u64 @24, vote key @32, account u128 @64,
 * amount u128 @80, owner key @96. Then the vote key's signature @128, a mask of the authority's keys that signed u16
 * @192, zeros @194, and their signatures in the order of the keys @200, the rest zero. All sign (chain id, body).
 */
export const AUTHORITY_RECORD_BYTES = 1_224;
export const AUTHORITY_KEYS_MAX = 16;
export const BODY_BYTES = 128;
export const MASK_AT = BODY_BYTES + SIGNATURE_BYTES;
export const SIGNATURES_AT = MASK_AT + 8;
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

const KINDS = ["join", "replace_vote_key", "set_parameter", "release"] as const;
// Tell these signatures from every other one that the same keys may make.
const AUTHORITY_PURPOSE = new TextEncoder().encode("hmn authority record 1\n");
const VOTE_KEY_PURPOSE = new TextEncoder().encode("hmn vote key record 1\n");

/** What the authority's keys sign, and what the holder of the new vote key signs. */
export const authorityMessage = (chainId: Hex, body: Uint8Array): Uint8Array =>
  concatBytes(AUTHORITY_PURPOSE, hashBytes(chainId), body);
export const voteKeyMessage = (chainId: Hex, body: Uint8Array): Uint8Array =>
  concatBytes(VOTE_KEY_PURPOSE, hashBytes(chainId), body);

/** The whole record. `signatures` by place of the key in the genesis's sorted list. */
export function joinAuthorityRecord({
  body,
  voteKeySignature,
  signatures,
}: {
  body: Uint8Array;
  voteKeySignature?: Uint8Array;
  signatures: ReadonlyMap<number, Uint8Array>;
}): Uint8Array {
  const bytes = new Uint8Array(AUTHORITY_RECORD_BYTES);
  bytes.set(body, 0);
  if (voteKeySignature !== undefined) bytes.set(voteKeySignature, BODY_BYTES);
  const places = [...signatures].toSorted(([a], [b]) => a - b);
  let mask = 0;
  for (const [order, [place, signature]] of places.entries()) {
    assert(place >= 0 && place < AUTHORITY_KEYS_MAX, "the authority has that many keys at most");
    mask |= 1 << place;
    bytes.set(signature, SIGNATURES_AT + order * SIGNATURE_BYTES);
  }
  new DataView(bytes.buffer).setUint16(MASK_AT, mask, true);
  return bytes;
}

/** The 128 bytes that everybody signs. */
export function encodeAuthorityBody(record: AuthorityRecord): Uint8Array {
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

/** The order in a body of 128 bytes; undefined for a kind that there is not. */
export function readAuthorityBody(body: Uint8Array): AuthorityRecord | undefined {
  return readBody(reader(body));
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
