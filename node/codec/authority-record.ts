import { assert } from "../base/assert.ts";
import { equalBytes, fromHex, type Hex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import {
  AUTHORITY_KEYS_MAX,
  AUTHORITY_RECORD_BYTES,
  type AuthorityRecord,
  authorityMessage,
  BODY_BYTES,
  encodeAuthorityBody,
  joinAuthorityRecord,
  MASK_AT,
  readAuthorityBody,
  SIGNATURES_AT,
  voteKeyMessage,
} from "./authority-body.ts";
import { hashBytes } from "./parse.ts";
import { type KeyPair, PUBLIC_KEY_BYTES, SIGNATURE_BYTES, sign, verify } from "./signature.ts";
import type { RecordFault } from "./validator-record.ts";

export { AUTHORITY_KEYS_MAX, AUTHORITY_RECORD_BYTES, type AuthorityRecord } from "./authority-body.ts";

export type SignedAuthorityRecord = {
  readonly record: AuthorityRecord;
  readonly body: Uint8Array;
  /** Zeros where the kind names no vote key. */
  readonly voteKeySignature: Uint8Array;
  /** By place of the key in the genesis's sorted list. */
  readonly signatures: ReadonlyMap<number, Uint8Array>;
};

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
  const body = encodeAuthorityBody(record);
  const signed = authorityMessage(chainId, body);
  const signatures = new Map([...authority].map(([place, { secretKey }]) => [place, sign(signed, secretKey)]));
  const agreed =
    voteKey === undefined ? {} : { voteKeySignature: sign(voteKeyMessage(chainId, body), voteKey.secretKey) };
  return joinAuthorityRecord({ body, signatures, ...agreed });
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
  const signed = authorityMessage(authority.chainId, body);
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
    message: voteKeyMessage(chainId, body),
    signature: voteKeySignature,
    publicKey: hashBytes(voteKey),
  });

function decode(bytes: Uint8Array): Result<SignedAuthorityRecord, RecordFault> {
  const body = bytes.subarray(0, BODY_BYTES);
  const record = readAuthorityBody(body);
  if (record === undefined) return refuse("record_kind_unknown");
  const mask = new DataView(bytes.buffer, bytes.byteOffset).getUint16(MASK_AT, true);
  const places = Array.from({ length: AUTHORITY_KEYS_MAX }, (_, place) => place).filter((at) => (mask >> at) & 1);
  const end = SIGNATURES_AT + places.length * SIGNATURE_BYTES;
  const zeros = [bytes.subarray(MASK_AT + 2, SIGNATURES_AT), bytes.subarray(end)];
  const voteKeySignature = bytes.subarray(BODY_BYTES, MASK_AT);
  if (record.kind !== "join" && record.kind !== "replace_vote_key") zeros.push(voteKeySignature);
  const canonical =
    zeros.every((part) => part.every((byte) => byte === 0)) && equalBytes(encodeAuthorityBody(record), body);
  if (!canonical) return refuse("reserved_field");
  const signatureAt = (order: number) => SIGNATURES_AT + order * SIGNATURE_BYTES;
  const signatures = new Map(
    places.map((place, order) => [place, bytes.subarray(signatureAt(order), signatureAt(order + 1))]),
  );
  return accept({ record, body, voteKeySignature, signatures });
}
