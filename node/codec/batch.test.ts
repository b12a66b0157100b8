import { expect, test } from "vitest";
import { toHex } from "../base/bytes.ts";
import { fc } from "../base/test-property.ts";
import { type AccountRecord, decodeAccountRecords, signAccountRecord, verifyAccountRecord } from "./account.ts";
import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX, encodeBatch, parseBatch, verifyBatch } from "./batch.ts";
import { keyPairFromSeed } from "./signature.ts";
import { decodeTransfers, encodeTransfers, newTransfer, TRANSFER_BYTES, type Transfer, U128_MAX } from "./transfer.ts";

const keyPair = keyPairFromSeed(new Uint8Array(32).fill(1));
const chainId = "c0".repeat(32);
const u128 = fc.bigInt({ min: 0n, max: U128_MAX });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const u16 = fc.integer({ min: 0, max: 65_535 });

const transfer: fc.Arbitrary<Transfer> = fc.record({
  id: u128,
  debit: u128,
  credit: u128,
  amount: u128,
  pendingId: u128,
  userData128: u128,
  userData64: u64,
  userData32: u32,
  timeout: u32,
  ledger: u32,
  code: u16,
  flags: u16,
  timestamp: u64,
});

test("transfers survive the wire", () => {
  fc.assert(
    fc.property(fc.array(transfer, { maxLength: 5 }), (transfers) => {
      expect(decodeTransfers(encodeTransfers(transfers))).toEqual(transfers);
    }),
  );
});

test("a transfer has TigerBeetle's layout", () => {
  const bytes = encodeTransfers([
    {
      ...newTransfer({ id: 1n, debit: 2n, credit: 3n, amount: 4n, pendingId: 5n }),
      ...{
        userData128: 6n,
        userData64: 7n,
        userData32: 8,
        timeout: 9,
        ledger: 10,
        code: 11,
        flags: 12,
        timestamp: 13n,
      },
    },
  ]);
  const at = [0, 16, 32, 48, 64, 80, 96, 104, 108, 112, 116, 118, 120];
  expect(at.map((offset) => bytes[offset])).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  expect(bytes.reduce((sum, byte) => sum + byte, 0)).toBe(91);
  expect(bytes.length).toBe(TRANSFER_BYTES);
});

test("a batch survives the wire, and its signature and hash hold", () => {
  fc.assert(
    fc.property(fc.array(transfer, { minLength: 1, maxLength: 3 }), u64, u64, (transfers, stream, sequence) => {
      const payload = encodeTransfers(transfers);
      const bytes = encodeBatch({ type: "transfers", payload, chainId, keyPair, stream, sequence, expiryMs: 5 });
      const parsed = parseBatch(bytes);
      expect(parsed).toMatchObject({ ok: true, value: { type: "transfers", chainId, stream, sequence, expiryMs: 5 } });
      if (!parsed.ok) return;
      expect(verifyBatch(parsed.value).ok).toBe(true);
      expect(toHex(parsed.value.publicKey)).toBe(toHex(keyPair.publicKey));
      expect(decodeTransfers(parsed.value.payload)).toEqual(transfers);
    }),
    { numRuns: 30 },
  );
});

test("any changed byte of a batch is noticed", () => {
  const payload = encodeTransfers([newTransfer({ id: 1n })]);
  const bytes = encodeBatch({ type: "transfers", payload, chainId, keyPair, stream: 1n, sequence: 2n, expiryMs: 3 });
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const parsed = parseBatch(bytes.map((byte, index) => (index === at ? byte ^ change : byte)));
      expect(parsed.ok && verifyBatch(parsed.value).ok).toBe(false);
    }),
  );
});

test("outside bytes are refused or parsed, never thrown at", () => {
  const payload = encodeTransfers([newTransfer({ id: 1n })]);
  const bytes = encodeBatch({ type: "transfers", payload, chainId, keyPair, stream: 1n, sequence: 2n, expiryMs: 3 });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(bytes.length), (noise, keep) => {
      expect(parseBatch(noise).ok).toBe(false);
      const mixed = new Uint8Array([...bytes.subarray(0, keep), ...noise]);
      const parsed = parseBatch(mixed);
      if (parsed.ok) expect(parsed.value.payload.length).toBe(parsed.value.count * TRANSFER_BYTES);
    }),
  );
});

test("a batch is at most as large as its limit", () => {
  const records = (count: number) => new Uint8Array(count * TRANSFER_BYTES);
  const place = { type: "transfers", chainId, keyPair, stream: 1n, sequence: 1n, expiryMs: 1 } as const;
  expect(encodeBatch({ ...place, payload: records(BATCH_RECORDS_MAX) }).length).toBe(BATCH_BYTES_MAX);
  expect(() => encodeBatch({ ...place, payload: records(BATCH_RECORDS_MAX + 1) })).toThrow();
  expect(() => encodeBatch({ ...place, payload: records(0) })).toThrow();
});

test("an account record survives the wire and is bound to its network", () => {
  const record: AccountRecord = {
    id: 2n ** 100n,
    payer: 2n ** 101n,
    userData128: 3n,
    userData64: 4n,
    userData32: 5,
    ledger: 6,
    code: 7,
    flags: 8,
    ownerKey: toHex(keyPair.publicKey),
  };
  const bytes = signAccountRecord({ record, chainId, owner: keyPair });
  const [read] = decodeAccountRecords(bytes);
  expect(read).toMatchObject({ ...record, reservedZero: true });
  expect(read && verifyAccountRecord(read, chainId)).toBe(true);
  expect(read && verifyAccountRecord(read, "c1".repeat(32))).toBe(false);
  for (const at of [0, 20, 70, 90, 111, 140]) {
    const [other] = decodeAccountRecords(bytes.map((byte, index) => (index === at ? byte ^ 1 : byte)));
    expect(other && verifyAccountRecord(other, chainId)).toBe(false);
  }
});
