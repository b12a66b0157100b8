import { assert } from "../base/assert.ts";
import { concatBytes, equalBytes, type Hex, toHex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { ACCOUNT_RECORD_BYTES } from "./account.ts";
import { ANCHOR_BYTES, ANCHORS_MAX } from "./anchor.ts";
import { AUTHORITY_RECORD_BYTES } from "./authority-record.ts";
import {
  BATCH_TYPE_NUMBERS,
  BATCH_VERSION,
  type BatchType,
  encodeBatchHead,
  MAGIC,
  SIGNED_BYTES,
} from "./batch-head.ts";
import { CONVERSION_BYTES } from "./conversion.ts";
import { sha256, sha256Hex } from "./hash.ts";
import { REPORT_BYTES, REPORTS_MAX } from "./report.ts";
import { ROTATION_BYTES } from "./rotation.ts";
import { type KeyPair, PUBLIC_KEY_BYTES, SIGNATURE_BYTES, sign, verify } from "./signature.ts";
import { TRANSFER_BYTES } from "./transfer.ts";
import { VALIDATOR_RECORD_BYTES } from "./validator-record.ts";

export { BATCH_VERSION, type BatchType } from "./batch-head.ts";

/**
 * A client's signed batch (consensus.md, "Client batch"). Header, little-endian: magic "HMNB" @0, type u8 @4, version u8
 * @5, count u16 @6, chain id @8, client key @40, stream u64 @72, sequence u64 @80, expiry in ms u64 @88, SHA-256 of the
 * payload @96; Ed25519 over these 128 bytes @128; the records from @192 on, so that everything is 8-aligned.
 */
export const BATCH_RECORDS_MAX = 8_190;
/** Fewer accounts than transfers, since each brings a signature of its own to verify. */
export const BATCH_ACCOUNTS_MAX = 1_024;
const HEADER_BYTES = SIGNED_BYTES + SIGNATURE_BYTES;
export const BATCH_BYTES_MAX = HEADER_BYTES + BATCH_RECORDS_MAX * TRANSFER_BYTES;

/** Per type the bytes of a record, and how many records a batch may have: fewer where each brings signatures to verify. */
const types = {
  transfers: { recordBytes: TRANSFER_BYTES, recordsMax: BATCH_RECORDS_MAX },
  accounts: { recordBytes: ACCOUNT_RECORD_BYTES, recordsMax: BATCH_ACCOUNTS_MAX },
  rotations: { recordBytes: ROTATION_BYTES, recordsMax: BATCH_ACCOUNTS_MAX },
  conversions: { recordBytes: CONVERSION_BYTES, recordsMax: BATCH_ACCOUNTS_MAX },
  validator: { recordBytes: VALIDATOR_RECORD_BYTES, recordsMax: 64 },
  authority: { recordBytes: AUTHORITY_RECORD_BYTES, recordsMax: 16 },
  reports: { recordBytes: REPORT_BYTES, recordsMax: REPORTS_MAX },
  anchors: { recordBytes: ANCHOR_BYTES, recordsMax: ANCHORS_MAX },
} as const satisfies Readonly<Record<BatchType, { recordBytes: number; recordsMax: number }>>;
const typeByNumber: ReadonlyMap<number, BatchType> = new Map(
  Object.entries(BATCH_TYPE_NUMBERS).map(([type, number]) => [number, type as BatchType]),
);

export type Batch = {
  /** `batchId` of its bytes. */
  readonly id: Hex;
  readonly type: BatchType;
  readonly count: number;
  readonly chainId: Hex;
  /** Key of the client that signed it. */
  readonly publicKey: Uint8Array;
  readonly stream: bigint;
  readonly sequence: bigint;
  /** Milliseconds since 1970: not executed after this block time. */
  readonly expiryMs: number;
  readonly payload: Uint8Array;
  readonly payloadHash: Uint8Array;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
};

export type BatchFault =
  | "batch_malformed"
  | "batch_version_unknown"
  | "batch_type_unknown"
  | "payload_hash_differs"
  | "signature_invalid";

/** Signs `payload`, whole records of `type`, as one batch. */
export function encodeBatch(fields: {
  type: BatchType;
  payload: Uint8Array;
  chainId: Hex;
  keyPair: KeyPair;
  stream: bigint;
  sequence: bigint;
  expiryMs: number;
}): Uint8Array {
  const count = fields.payload.length / types[fields.type].recordBytes;
  assert(
    Number.isInteger(count) && count >= 1 && count <= types[fields.type].recordsMax,
    "batch holds whole records in bounds",
  );
  const { publicKey, secretKey } = fields.keyPair;
  const header = encodeBatchHead({ ...fields, count, publicKey });
  return concatBytes(header, sign(header, secretKey), fields.payload);
}

/**
 * SHA-256 of header and signature. The header holds the payload's hash, so where that was checked (`payloadIsSigned`) the id
 * names every byte of the batch, and nobody hashes the records twice.
 */
export const batchId = (bytes: Uint8Array): Hex => sha256Hex(bytes.subarray(0, HEADER_BYTES));

/** Checks the form only; `verifyBatch` checks hash and signature. Never throws on outside bytes. */
export function parseBatch(bytes: Uint8Array): Result<Batch, BatchFault> {
  if (bytes.length < HEADER_BYTES || bytes.length > BATCH_BYTES_MAX)
    return refuse("batch_malformed", `${bytes.length} bytes`);
  if (!equalBytes(bytes.subarray(0, 4), MAGIC)) return refuse("batch_malformed", "does not start with HMNB");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(5) !== BATCH_VERSION)
    return refuse("batch_version_unknown", `version ${view.getUint8(5)}, this node reads ${BATCH_VERSION}`);
  const type = typeByNumber.get(view.getUint8(4));
  if (type === undefined) return refuse("batch_type_unknown", `type ${view.getUint8(4)}`);
  const count = view.getUint16(6, true);
  if (count < 1 || count > types[type].recordsMax) return refuse("batch_malformed", `${count} records`);
  if (bytes.length !== HEADER_BYTES + count * types[type].recordBytes)
    return refuse("batch_malformed", `${bytes.length} bytes for ${count} ${type}`);
  const expiry = view.getBigUint64(88, true);
  if (expiry > BigInt(Number.MAX_SAFE_INTEGER)) return refuse("batch_malformed", "expiry is no time");
  return accept({
    id: batchId(bytes),
    type,
    count,
    chainId: toHex(bytes.subarray(8, 40)),
    publicKey: bytes.subarray(40, 40 + PUBLIC_KEY_BYTES),
    stream: view.getBigUint64(72, true),
    sequence: view.getBigUint64(80, true),
    expiryMs: Number(expiry),
    payload: bytes.subarray(HEADER_BYTES),
    payloadHash: bytes.subarray(96, SIGNED_BYTES),
    signed: bytes.subarray(0, SIGNED_BYTES),
    signature: bytes.subarray(SIGNED_BYTES, HEADER_BYTES),
  });
}

/** Whether the payload is the one that the header names. */
export const payloadIsSigned = ({ payload, payloadHash }: Batch): boolean => equalBytes(sha256(payload), payloadHash);

/** The records in the bytes of a batch that has been parsed before. */
export const payloadOf = (batch: Uint8Array): Uint8Array => batch.subarray(HEADER_BYTES);

/** Who claims to have signed these bytes, and how many records they claim: before anything is checked, for limits only. */
export function peekBatch(bytes: Uint8Array): { readonly key: Hex; readonly count: number } | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const count = (bytes[6] ?? 0) + 256 * (bytes[7] ?? 0);
  return { key: toHex(bytes.subarray(40, 40 + PUBLIC_KEY_BYTES)), count };
}

/** Whether the payload is the signed one and the signature is the client's. */
export function verifyBatch(batch: Batch): Result<Batch, BatchFault> {
  if (!payloadIsSigned(batch)) return refuse("payload_hash_differs");
  return headerIsSigned(batch) ? accept(batch) : refuse("signature_invalid");
}

/** Whether the signature over the header is that of the key in it. */
export const headerIsSigned = ({ signed, signature, publicKey }: Batch): boolean =>
  verify({ message: signed, signature, publicKey });
