import { expect, test } from "vitest";
import { concatBytes, toHex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { fc } from "../base/test-property.ts";
import { ANCHOR_BYTES, attest, decodeAnchors, encodeAnchors, isAttested } from "./anchor.ts";
import {
  AUTHORITY_RECORD_BYTES,
  type AuthorityRecord,
  authoritySigned,
  decodeAuthorityRecords,
  signAuthorityRecord,
  voteKeySigned,
} from "./authority-record.ts";
import { type BatchType, encodeBatch, parseBatch, verifyBatch } from "./batch.ts";
import { CONVERSION_BYTES, decodeConversions, encodeConversions } from "./conversion.ts";
import { sha256 } from "./hash.ts";
import { digestOf, signEntry } from "./memory-entry.ts";
import { decodeReports, encodeReports, REPORT_BYTES } from "./report.ts";
import { decodeRotations, ROTATION_BYTES, signRotation, verifyRotation } from "./rotation.ts";
import { keyPairFromSeed } from "./signature.ts";
import { describeCodec } from "./test-codec.ts";
import { u128 as account, anchorRecord, authorityRecord, conversion, report, validatorRecord } from "./test-values.ts";
import { decodeValidatorRecords, encodeValidatorRecords, VALIDATOR_RECORD_BYTES } from "./validator-record.ts";

const keyOf = (name: string) => keyPairFromSeed(sha256(new TextEncoder().encode(name)));
const chainId = "c1".repeat(32);
const other = "c2".repeat(32);

/** Whole records come as the payload of a parsed batch; alone each is read like this. */
const only =
  <T>(bytes: number, decode: (payload: Uint8Array) => Result<T>[]) =>
  (input: Uint8Array): Result<T> =>
    (input.length === bytes ? decode(input)[0] : undefined) ?? refuse("not_one_record");

describeCodec("validator record", {
  values: validatorRecord,
  encode: (value) => encodeValidatorRecords([value]),
  parse: only(VALIDATOR_RECORD_BYTES, decodeValidatorRecords),
});
describeCodec("report", {
  values: report,
  encode: (value) => encodeReports([value]),
  parse: only(REPORT_BYTES, (payload) => decodeReports(payload).map(accept)),
});

describeCodec("anchor", {
  values: anchorRecord,
  encode: (value) => encodeAnchors([value]),
  parse: only(ANCHOR_BYTES, decodeAnchors),
});

describeCodec("conversion", {
  values: conversion,
  encode: (value) => encodeConversions([value]),
  parse: only(CONVERSION_BYTES, (payload) => decodeConversions(payload).map(accept)),
});
describeCodec("rotation", {
  values: account.map((id) => decodeRotations(signRotation({ account: id, chainId, owner: keyOf("new") }))[0]),
  encode: (value) => (value === undefined ? new Uint8Array() : concatBytes(value.signed, value.signature)),
  parse: only(ROTATION_BYTES, (payload) => decodeRotations(payload).map(accept)),
});
describeCodec("order of the authority", {
  values: fc.tuple(authorityRecord, fc.subarray([0, 3, 15])).map(([record, places]) => {
    const authority = new Map(places.map((place) => [place, keyOf(`authority ${place}`)]));
    const voteKey = record.kind === "join" || record.kind === "replace_vote_key" ? { voteKey: keyOf("new") } : {};
    const [order] = decodeAuthorityRecords(signAuthorityRecord({ record, chainId, authority, ...voteKey }));
    if (order === undefined || !order.ok) throw new Error("what was signed is an order");
    return order.value;
  }),
  // The record makes the body anew; the signatures are whoever's they are.
  encode: ({ record, voteKeySignature, signatures }) => {
    const bytes = signAuthorityRecord({ record, chainId, authority: new Map() });
    bytes.set(voteKeySignature, 128);
    const places = [...signatures.keys()];
    new DataView(bytes.buffer).setUint16(
      192,
      places.reduce((mask, place) => mask | (1 << place), 0),
      true,
    );
    for (const [order, signature] of [...signatures.values()].entries()) bytes.set(signature, 200 + 64 * order);
    return bytes;
  },
  parse: only(AUTHORITY_RECORD_BYTES, decodeAuthorityRecords),
});

test("validator records follow each other in a payload", () => {
  fc.assert(
    fc.property(fc.array(validatorRecord, { minLength: 1, maxLength: 5 }), (records) => {
      const decoded = decodeValidatorRecords(encodeValidatorRecords(records));
      expect(decoded).toEqual(records.map((value) => ({ ok: true, value })));
    }),
  );
});

test("orders of the authority go through bytes with their signatures, for one network", () => {
  const [a, b, newKey] = [keyOf("a"), keyOf("b"), keyOf("new")];
  const publicKeys = [a, b].map(({ publicKey }) => toHex(publicKey));
  const authority = new Map([
    [1, b],
    [0, a],
  ]);
  fc.assert(
    fc.property(authorityRecord, (record) => {
      const voteKey = record.kind === "join" || record.kind === "replace_vote_key" ? { voteKey: newKey } : {};
      const bytes = signAuthorityRecord({ record, chainId, authority, ...voteKey });
      const [decoded] = decodeAuthorityRecords(bytes);
      if (!decoded?.ok) throw new Error(decoded?.reason);
      expect(decoded.value.record).toEqual(record);
      expect(authoritySigned(decoded.value, { publicKeys, threshold: 2, chainId })).toBe(true);
      expect(authoritySigned(decoded.value, { publicKeys, threshold: 3, chainId })).toBe(false);
      expect(authoritySigned(decoded.value, { publicKeys: publicKeys.toReversed(), threshold: 1, chainId })).toBe(
        false,
      );
      expect(authoritySigned(decoded.value, { publicKeys, threshold: 2, chainId: other })).toBe(false);
      const key = { voteKey: toHex(newKey.publicKey), chainId };
      expect(voteKeySigned(decoded.value, key)).toBe("voteKey" in record);
      expect(voteKeySigned(decoded.value, { ...key, chainId: other })).toBe(false);
    }),
    { numRuns: 30 },
  );
});

test("no bit of an order can change and still be signed", () => {
  const [a, newKey] = [keyOf("a"), keyOf("new")];
  const record: AuthorityRecord = {
    kind: "replace_vote_key",
    serial: 5n,
    validator: 3,
    voteKey: toHex(newKey.publicKey),
  };
  const bytes = signAuthorityRecord({ record, chainId, authority: new Map([[0, a]]), voteKey: newKey });
  for (let at = 0; at < AUTHORITY_RECORD_BYTES; at++) {
    const changed = bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));
    const [decoded] = decodeAuthorityRecords(changed);
    if (!decoded?.ok) continue;
    const { publicKey } = a;
    const whole =
      authoritySigned(decoded.value, { publicKeys: [toHex(publicKey)], threshold: 1, chainId }) &&
      voteKeySigned(decoded.value, { voteKey: toHex(newKey.publicKey), chainId });
    expect({ at, whole }).toEqual({ at, whole: false });
  }
});

test("a rotation is signed by the new owner for one network", () => {
  const bytes = signRotation({ account: 7n << 64n, chainId, owner: keyOf("new") });
  const [rotation] = decodeRotations(bytes);
  if (rotation === undefined) throw new Error("one rotation");
  expect(rotation).toMatchObject({ account: 7n << 64n, ownerKey: toHex(keyOf("new").publicKey) });
  expect(verifyRotation(rotation, chainId)).toBe(true);
  expect(verifyRotation(rotation, other)).toBe(false);
  for (let at = 0; at < ROTATION_BYTES; at++) {
    const [changed] = decodeRotations(bytes.map((byte, index) => (index === at ? byte ^ 1 : byte)));
    expect(changed !== undefined && verifyRotation(changed, chainId)).toBe(false);
  }
});

test("an attestation is of one version of an entry, one network, one epoch and one validator", () => {
  const version = { author: toHex(keyOf("author").publicKey), id: "entry", clock: 7n, contentHash: other };
  const attested = { digest: digestOf(version, chainId), epoch: 3, validator: 4 };
  const { publicKey } = keyOf("a");
  const signature = attest(attested, keyOf("a"));
  expect(isAttested(attested, signature, publicKey)).toBe(true);
  expect(isAttested({ ...attested, digest: digestOf(version, other) }, signature, publicKey)).toBe(false);
  expect(isAttested({ ...attested, epoch: 4 }, signature, publicKey)).toBe(false);
  expect(isAttested({ ...attested, validator: 3 }, signature, publicKey)).toBe(false);
  const content = Buffer.from("text");
  const signed = signEntry({ id: "entry", clock: 7n, content }, { chainId, author: keyOf("author") });
  expect(digestOf(signed, chainId)).toBe(signed.digest);
});

test.each<[type: BatchType, recordBytes: number, most: number]>([
  ["rotations", ROTATION_BYTES, 1_024],
  ["conversions", CONVERSION_BYTES, 1_024],
  ["validator", VALIDATOR_RECORD_BYTES, 64],
  ["reports", REPORT_BYTES, 99],
  ["authority", AUTHORITY_RECORD_BYTES, 16],
  ["anchors", ANCHOR_BYTES, 16],
])("a batch of type %s has whole records, and so many at most", (type, recordBytes, most) => {
  const encode = (records: number) =>
    encodeBatch({
      type,
      payload: new Uint8Array(records * recordBytes),
      chainId,
      keyPair: keyOf("a"),
      stream: 1n,
      sequence: 1n,
      expiryMs: 1,
    });
  const parsed = parseBatch(encode(most));
  expect(parsed).toMatchObject({ ok: true, value: { type, count: most } });
  expect(parsed.ok && verifyBatch(parsed.value).ok).toBe(true);
  expect(() => encode(most + 1)).toThrow("whole records in bounds");
  expect(parseBatch(encode(1).subarray(0, -1))).toMatchObject({ reason: "batch_malformed" });
});
