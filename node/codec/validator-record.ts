import { assert, unreachable } from "../base/assert.ts";
import { equalBytes, type Hex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { hashBytes, readCounter, readHash, writeCounter } from "./parse.ts";
import { MalformedBytes, type Reader, reader } from "./reader.ts";
import { writer } from "./writer.ts";

/**
 * What a validator or its owner says to the chain: 96 bytes, little-endian. kind u8 @0, zeros @1, validator u32 @4,
 * subject or state version u32 @8, zeros @12, account u128 @16, amount u128 @32, height u64 @48, key or hash @56, zeros
 * @88. Fields that a kind does not use are zero. The signature of the batch is the record's.
 */
export const VALIDATOR_RECORD_BYTES = 96;

export type ValidatorRecord =
  /** More stake from an ATR account of the batch's signer. */
  | { readonly kind: "bond"; readonly validator: number; readonly account: bigint; readonly amount: bigint }
  /** Takes stake out; it comes to the owner's ATR account when the unbonding time is over. By the owner key. */
  | { readonly kind: "unbond"; readonly validator: number; readonly amount: bigint }
  /** A joiner has executed up to `height` with these results. By its vote key. */
  | { readonly kind: "caught_up"; readonly validator: number; readonly height: number; readonly resultsHash: Hex }
  /** `validator` agrees that `subject` votes with `key`: as a new member, or in place of a lost key. By its vote key. */
  | { readonly kind: "approve"; readonly validator: number; readonly subject: number; readonly key: Hex }
  /** By the vote key or the owner key. */
  | { readonly kind: "leave"; readonly validator: number }
  | { readonly kind: "unjail"; readonly validator: number }
  /** This validator's release can run the rules of this state version. By its vote key. */
  | { readonly kind: "announce"; readonly validator: number; readonly stateVersion: number };

export type RecordFault = "record_kind_unknown" | "reserved_field";

const KINDS = ["bond", "unbond", "caught_up", "approve", "leave", "unjail", "announce"] as const;
const ZEROS = "00".repeat(32);

/** The payload of a batch of type `validator`. */
export function encodeValidatorRecords(records: readonly ValidatorRecord[]): Uint8Array {
  const bytes = new Uint8Array(records.length * VALIDATOR_RECORD_BYTES);
  for (const [index, record] of records.entries()) bytes.set(encode(record), index * VALIDATOR_RECORD_BYTES);
  return bytes;
}

/** Each record of a payload, or why it is none. */
export function decodeValidatorRecords(payload: Uint8Array): Result<ValidatorRecord, RecordFault>[] {
  assert(payload.length % VALIDATOR_RECORD_BYTES === 0, "validator records are whole");
  return Array.from({ length: payload.length / VALIDATOR_RECORD_BYTES }, (_, index) =>
    decode(payload.subarray(index * VALIDATOR_RECORD_BYTES, (index + 1) * VALIDATOR_RECORD_BYTES)),
  );
}

function encode(record: ValidatorRecord): Uint8Array {
  const to = { subject: 0, account: 0n, amount: 0n, height: 0, hash: ZEROS, ...fieldsOf(record) };
  const out = writer()
    .u8(KINDS.indexOf(record.kind) + 1)
    .fixed(new Uint8Array(3))
    .u32(record.validator)
    .u32(to.subject)
    .u32(0)
    .u128(to.account)
    .u128(to.amount);
  return writeCounter(out, to.height).fixed(hashBytes(to.hash)).u64(0n).done();
}

type Fields = { subject?: number; account?: bigint; amount?: bigint; height?: number; hash?: Hex };

function fieldsOf(record: ValidatorRecord): Fields {
  switch (record.kind) {
    case "bond":
      return { account: record.account, amount: record.amount };
    case "unbond":
      return { amount: record.amount };
    case "caught_up":
      return { height: record.height, hash: record.resultsHash };
    case "approve":
      return { subject: record.subject, hash: record.key };
    case "announce":
      return { subject: record.stateVersion };
    case "leave":
    case "unjail":
      return {};
    default:
      return unreachable(record);
  }
}

function decode(bytes: Uint8Array): Result<ValidatorRecord, RecordFault> {
  try {
    const record = read(reader(bytes));
    if (record === undefined) return refuse("record_kind_unknown");
    // One record has one encoding: what the kind does not use is zero.
    return equalBytes(encode(record), bytes) ? accept(record) : refuse("reserved_field");
  } catch (cause) {
    if (cause instanceof MalformedBytes) return refuse("reserved_field", cause.message);
    throw cause;
  }
}

function read(from: Reader): ValidatorRecord | undefined {
  const kind = KINDS[from.u8() - 1];
  from.fixed(3);
  const validator = from.u32();
  const subject = from.u32();
  from.u32();
  const account = from.u128();
  const amount = from.u128();
  const height = readCounter(from);
  const hash = readHash(from);
  if (kind === undefined) return undefined;
  switch (kind) {
    case "bond":
      return { kind, validator, account, amount };
    case "unbond":
      return { kind, validator, amount };
    case "caught_up":
      return { kind, validator, height, resultsHash: hash };
    case "approve":
      return { kind, validator, subject, key: hash };
    case "announce":
      return { kind, validator, stateVersion: subject };
    case "leave":
    case "unjail":
      return { kind, validator };
    default:
      return unreachable(kind);
  }
}
