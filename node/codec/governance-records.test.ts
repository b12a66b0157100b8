import fc from "fast-check";
import { expect, test } from "vitest";
import { toHex } from "../base/bytes.ts";
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
import { decodeRotations, ROTATION_BYTES, signRotation, verifyRotation } from "./rotation.ts";
import { keyPairFromSeed } from "./signature.ts";
import {
  decodeValidatorRecords,
  encodeValidatorRecords,
  VALIDATOR_RECORD_BYTES,
  type ValidatorRecord,
} from "./validator-record.ts";

const keyOf = (name: string) => keyPairFromSeed(sha256(new TextEncoder().encode(name)));
const chainId = "c1".repeat(32);
const other = "c2".repeat(32);

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const u128 = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n });
const height = fc.maxSafeNat();
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex);
const kind = <K extends string>(value: K) => fc.constant(value);
const validatorRecords: fc.Arbitrary<ValidatorRecord> = fc.oneof(
  fc.record({ kind: kind("bond"), validator: u32, account: u128, amount: u128 }),
  fc.record({ kind: kind("unbond"), validator: u32, amount: u128 }),
  fc.record({ kind: kind("caught_up"), validator: u32, height, resultsHash: hash }),
  fc.record({ kind: kind("approve"), validator: u32, subject: u32, key: hash }),
  fc.record({ kind: kind("leave"), validator: u32 }),
  fc.record({ kind: kind("unjail"), validator: u32 }),
  fc.record({ kind: kind("announce"), validator: u32, stateVersion: u32 }),
);
const authorityRecords: fc.Arbitrary<AuthorityRecord> = fc.oneof(
  fc.record({
    kind: kind("join"),
    serial: u64,
    validator: u32,
    voteKey: hash,
    ownerKey: hash,
    account: u128,
    amount: u128,
  }),
  fc.record({ kind: kind("replace_vote_key"), serial: u64, validator: u32, voteKey: hash }),
  fc.record({ kind: kind("set_parameter"), serial: u64, parameter: u32, value: u64 }),
  fc.record({ kind: kind("release"), serial: u64, validator: u32 }),
);

test("records of validators go through bytes", () => {
  fc.assert(
    fc.property(fc.array(validatorRecords, { minLength: 1, maxLength: 5 }), (records) => {
      const decoded = decodeValidatorRecords(encodeValidatorRecords(records));
      expect(decoded).toEqual(records.map((value) => ({ ok: true, value })));
    }),
  );
});

test("any bytes are a record with that one encoding, or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: VALIDATOR_RECORD_BYTES, maxLength: VALIDATOR_RECORD_BYTES }), (bytes) => {
      bytes[0] = (bytes[0] ?? 0) % 9;
      const [decoded] = decodeValidatorRecords(bytes);
      if (decoded?.ok) expect(encodeValidatorRecords([decoded.value])).toEqual(bytes);
      else expect(["record_kind_unknown", "reserved_field"]).toContain(decoded?.reason);
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
    fc.property(authorityRecords, (record) => {
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

test("conversions go through bytes", () => {
  const conversions = [
    { debit: 1n, credit: 2n ** 128n - 1n, amount: 3n },
    { debit: 1n << 64n, credit: 5n, amount: 2n ** 100n },
  ];
  expect(decodeConversions(encodeConversions(conversions))).toEqual(conversions);
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

test.each<[type: BatchType, recordBytes: number, most: number]>([
  ["rotations", ROTATION_BYTES, 1_024],
  ["conversions", CONVERSION_BYTES, 1_024],
  ["validator", VALIDATOR_RECORD_BYTES, 64],
  ["authority", AUTHORITY_RECORD_BYTES, 16],
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
