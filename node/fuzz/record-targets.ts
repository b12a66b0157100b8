import { equalBytes } from "../base/bytes.ts";
import type { Result } from "../base/result.ts";
import { ACCOUNT_RECORD_BYTES, decodeAccountRecords, verifyAccountRecord } from "../codec/account.ts";
import { ANCHOR_BYTES, decodeAnchors, encodeAnchors } from "../codec/anchor.ts";
import {
  AUTHORITY_RECORD_BYTES,
  authoritySigned,
  decodeAuthorityRecords,
  voteKeySigned,
} from "../codec/authority-record.ts";
import { type BatchType, encodeBatch, parseBatch, verifyBatch } from "../codec/batch.ts";
import { CONVERSION_BYTES, decodeConversions, encodeConversions } from "../codec/conversion.ts";
import { decodeReports, encodeReports, REPORT_BYTES } from "../codec/report.ts";
import { decodeRotations, ROTATION_BYTES, verifyRotation } from "../codec/rotation.ts";
import { keyPairFromSeed } from "../codec/signature.ts";
import { decodeTransfers, encodeTransfers, TRANSFER_BYTES } from "../codec/transfer.ts";
import { decodeValidatorRecords, encodeValidatorRecords, VALIDATOR_RECORD_BYTES } from "../codec/validator-record.ts";
import {
  ACCOUNT_LISTS,
  ANCHORS,
  AUTHORITY_RECORDS,
  BATCHES,
  CHAIN_ID,
  CONVERSIONS,
  GENESIS,
  REPORTS,
  ROTATIONS,
  TRANSFER_LISTS,
  VALIDATOR_RECORDS,
} from "./samples.ts";
import { hold, type Target, toldOf } from "./target.ts";

/** What clients sign: batches, and the records of each type in them. */
export const RECORD_TARGETS: readonly Target[] = [
  { name: "batch", samples: BATCHES, run: readBatch },
  { name: "transfers", samples: TRANSFER_LISTS, run: readTransfers },
  { name: "accounts", samples: ACCOUNT_LISTS, run: readAccounts },
  { name: "rotations", samples: ROTATIONS, run: readRotations },
  { name: "conversions", samples: CONVERSIONS, run: readConversions },
  { name: "validator-records", samples: VALIDATOR_RECORDS, run: readValidatorRecords },
  { name: "reports", samples: REPORTS, run: readReports },
  { name: "anchors", samples: ANCHORS, run: readAnchors },
  { name: "authority-records", samples: AUTHORITY_RECORDS, run: readAuthorityRecords },
];

const READERS: Readonly<Record<BatchType, (payload: Uint8Array) => string>> = {
  transfers: readTransfers,
  accounts: readAccounts,
  rotations: readRotations,
  conversions: readConversions,
  validator: readValidatorRecords,
  authority: readAuthorityRecords,
  reports: readReports,
  anchors: readAnchors,
};

/** What comes in a batch comes in whole records. */
const whole = (input: Uint8Array, recordBytes: number): Uint8Array =>
  input.subarray(0, input.length - (input.length % recordBytes));
/** What became of the first few records. */
const firstFew = (told: readonly string[]): string => told.slice(0, 3).join();

function readBatch(input: Uint8Array): string {
  const parsed = parseBatch(input);
  if (!parsed.ok) return toldOf(parsed);
  const { type, payload, chainId, stream, sequence, expiryMs } = parsed.value;
  const keyPair = { ...keyPairFromSeed(new Uint8Array(32)), publicKey: parsed.value.publicKey };
  const again = encodeBatch({ type, payload, chainId, keyPair, stream, sequence, expiryMs });
  // Its signature and its hash of the payload are the client's affair and judged later.
  hold(equalBytes(again.subarray(0, 96), input.subarray(0, 96)), "an accepted header is its own encoding");
  READERS[type](payload);
  return `ok ${type} ${toldOf(verifyBatch(parsed.value))}`;
}

function readTransfers(input: Uint8Array): string {
  const records = whole(input, TRANSFER_BYTES);
  const transfers = decodeTransfers(records);
  hold(equalBytes(encodeTransfers(transfers), records), "every record is its own encoding");
  return `${Math.min(transfers.length, 4)}`;
}

function readAccounts(input: Uint8Array): string {
  const records = decodeAccountRecords(whole(input, ACCOUNT_RECORD_BYTES));
  return firstFew(records.map((record) => `${record.reservedZero} ${verifyAccountRecord(record, CHAIN_ID)}`));
}

function readRotations(input: Uint8Array): string {
  return firstFew(decodeRotations(whole(input, ROTATION_BYTES)).map((one) => String(verifyRotation(one, CHAIN_ID))));
}

function readConversions(input: Uint8Array): string {
  const records = whole(input, CONVERSION_BYTES);
  const conversions = decodeConversions(records);
  hold(equalBytes(encodeConversions(conversions), records), "every record is its own encoding");
  return `${Math.min(conversions.length, 4)}`;
}

function readReports(input: Uint8Array): string {
  const records = whole(input, REPORT_BYTES);
  const reports = decodeReports(records);
  hold(equalBytes(encodeReports(reports), records), "every record is its own encoding");
  return `${Math.min(reports.length, 4)}`;
}

/** Each record by itself is refused, or its own encoding. */
const readEach = <T>(
  input: Uint8Array,
  recordBytes: number,
  decode: (payload: Uint8Array) => Result<T>[],
  then: (value: T, bytes: Uint8Array) => string,
): string => {
  const records = whole(input, recordBytes);
  return firstFew(
    decode(records).map((result, index) =>
      result.ok ? then(result.value, records.subarray(index * recordBytes, (index + 1) * recordBytes)) : toldOf(result),
    ),
  );
};

function readValidatorRecords(input: Uint8Array): string {
  return readEach(input, VALIDATOR_RECORD_BYTES, decodeValidatorRecords, (record, bytes) => {
    hold(equalBytes(encodeValidatorRecords([record]), bytes), "every record is its own encoding");
    return record.kind;
  });
}

function readAnchors(input: Uint8Array): string {
  return readEach(input, ANCHOR_BYTES, decodeAnchors, (record, bytes) => {
    hold(equalBytes(encodeAnchors([record]), bytes), "every record is its own encoding");
    return "anchor";
  });
}

function readAuthorityRecords(input: Uint8Array): string {
  const { publicKeys } = GENESIS.authority;
  return readEach(input, AUTHORITY_RECORD_BYTES, decodeAuthorityRecords, (order) => {
    const { record } = order;
    const signed = authoritySigned(order, { publicKeys, threshold: 1, chainId: CHAIN_ID });
    const agreed = "voteKey" in record && voteKeySigned(order, { voteKey: record.voteKey, chainId: CHAIN_ID });
    return `${record.kind} ${signed} ${agreed}`;
  });
}
