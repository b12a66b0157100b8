import { assert } from "../base/assert.ts";
import { concatBytes, type Hex, toHex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import type { HybridTime } from "./hybrid-clock.ts";
import { ENTRY_ID, type EntryKey } from "./memory-entry.ts";
import { hashBytes } from "./parse.ts";
import { type KeyPair, SIGNATURE_BYTES, sign, verify } from "./signature.ts";
import { writer } from "./writer.ts";

/**
 * A memory entry that two replicas of its shard attest (domain.md, "Memory mesh"): 280 bytes, little-endian. Author @0, SHA-256
 * of the content @32, clock u64 @64, epoch of the attesting u32 @72, length of the id u32 @76, id @80 with zeros up to @144;
 * the validators u32 @144 and @148, the first lower, and their signatures @152 and @216.
 */
export const ANCHOR_BYTES = 280;
/** Each record brings two signatures to verify. */
export const ANCHORS_MAX = 16;
const ID_BYTES = 64;
const ID_AT = 80;
const VALIDATORS_AT = ID_AT + ID_BYTES;
const SIGNATURES_AT = VALIDATORS_AT + 8;

// Tells this signature from every other one that the same key may make.
const PURPOSE = new TextEncoder().encode("hmn anchor 1\n");

/** Which version of which entry; never a tombstone. */
export type AnchoredVersion = EntryKey & { readonly clock: HybridTime; readonly contentHash: Hex };
export type Attestation = { readonly validator: number; readonly signature: Uint8Array };
export type AnchorRecord = AnchoredVersion & {
  /** By whose validator set, placement and keys it holds. */
  readonly epoch: number;
  readonly attestations: readonly [Attestation, Attestation];
};

/** What a replica signs of a version: its digest covers author, id, clock and content, and names the network. */
export const attest = (
  attested: { readonly digest: Hex; readonly epoch: number; readonly validator: number },
  keyPair: KeyPair,
): Uint8Array => sign(message(attested), keyPair.secretKey);

export const isAttested = (
  attested: { readonly digest: Hex; readonly epoch: number; readonly validator: number },
  signature: Uint8Array,
  publicKey: Uint8Array,
): boolean => verify({ message: message(attested), signature, publicKey });

const message = ({ digest, epoch, validator }: { digest: Hex; epoch: number; validator: number }): Uint8Array =>
  concatBytes(PURPOSE, hashBytes(digest), writer().u32(epoch).u32(validator).done());

/** The payload of a batch of type `anchors`. */
export function encodeAnchors(records: readonly AnchorRecord[]): Uint8Array {
  const bytes = new Uint8Array(records.length * ANCHOR_BYTES);
  for (const [index, record] of records.entries()) {
    const one = bytes.subarray(index * ANCHOR_BYTES, (index + 1) * ANCHOR_BYTES);
    const view = new DataView(one.buffer, one.byteOffset, one.byteLength);
    const id = new TextEncoder().encode(record.id);
    assert(id.length <= ID_BYTES, "an id fits its place");
    one.set(hashBytes(record.author), 0);
    one.set(hashBytes(record.contentHash), 32);
    view.setBigUint64(64, record.clock, true);
    view.setUint32(72, record.epoch, true);
    view.setUint32(76, id.length, true);
    one.set(id, ID_AT);
    for (const [place, { validator, signature }] of record.attestations.entries()) {
      view.setUint32(VALIDATORS_AT + 4 * place, validator, true);
      one.set(signature, SIGNATURES_AT + SIGNATURE_BYTES * place);
    }
  }
  return bytes;
}

/** Each record by itself: one whose id is none, or that has more than one encoding, is refused. */
export function decodeAnchors(payload: Uint8Array): Result<AnchorRecord, "entry_id_invalid" | "reserved_field">[] {
  assert(payload.length % ANCHOR_BYTES === 0, "anchors are whole records");
  return Array.from({ length: payload.length / ANCHOR_BYTES }, (_, index) => {
    const one = payload.subarray(index * ANCHOR_BYTES, (index + 1) * ANCHOR_BYTES);
    const view = new DataView(one.buffer, one.byteOffset, one.byteLength);
    const length = view.getUint32(76, true);
    const id = Buffer.from(one.subarray(ID_AT, ID_AT + Math.min(length, ID_BYTES))).toString("latin1");
    if (length > ID_BYTES || !ENTRY_ID.test(id)) return refuse("entry_id_invalid");
    if (one.subarray(ID_AT + length, VALIDATORS_AT).some((byte) => byte !== 0)) return refuse("reserved_field");
    const attestation = (place: number): Attestation => ({
      validator: view.getUint32(VALIDATORS_AT + 4 * place, true),
      signature: one.subarray(SIGNATURES_AT + SIGNATURE_BYTES * place, SIGNATURES_AT + SIGNATURE_BYTES * (place + 1)),
    });
    return accept({
      ...{ author: toHex(one.subarray(0, 32)), id, clock: view.getBigUint64(64, true) },
      ...{ contentHash: toHex(one.subarray(32, 64)), epoch: view.getUint32(72, true) },
      attestations: [attestation(0), attestation(1)],
    });
  });
}
