import { expect, test } from "vitest";
import { toHex } from "../base/bytes.ts";
import { seededRandom } from "../base/random.ts";
import { sha256 } from "../codec/hash.ts";
import { transferFlags } from "../codec/transfer.ts";
import { accountsAfter } from "./account-order.ts";
import { type Ledger, openAccount } from "./ledger.ts";
import { accountsRoot, beginRoots, foldRoots, ledgerRoots, pendingRoot } from "./roots.ts";
import { exportLedger } from "./snapshot-export.ts";
import { SLICE_BYTES_MAX, SliceKind } from "./snapshot-format.ts";
import { importLedger } from "./snapshot-import.ts";
import { execute, executeBlock, fund, idAt, payment, testAccount, testLedger } from "./test-ledger.ts";
import { recount, totalsOf } from "./totals.ts";

const { pending, voidPending } = transferFlags;
const ACCOUNTS = 5_000;
const keyOf = (number: number): string => toHex(sha256(new Uint8Array([number & 255, number >> 8])));
const idOf = (number: number): bigint => (9n << 64n) + BigInt(number);

/** More than a chunk of accounts, some with user data, one wide, pending transfers with holes between them. */
function largeLedger(): Ledger {
  const ledger = testLedger();
  for (let number = 0; number < ACCOUNTS; number++) {
    const data = number === 4_200 ? { userData128: 5n, userData64: 6n, userData32: 7 } : {};
    openAccount(ledger, { ...testAccount({ id: idOf(number), owner: keyOf(number), ledger: 1 }), ...data });
  }
  fund(ledger, { to: idOf(3), token: 1, amount: 2n ** 70n });
  const reserve = (serial: number) => payment(serial, { flags: pending, amount: 1n, timeout: serial % 3 });
  execute(
    ledger,
    Array.from({ length: 40 }, (_, index) => reserve(index + 1)),
  );
  const resolve = (serial: number) =>
    payment(100 + serial, { flags: voidPending, pendingId: idAt(0, serial), amount: 0n });
  execute(ledger, [4, 9, 1, 30].map(resolve), { atMs: 1 });
  execute(ledger, [payment(500, { id: idAt(-60_000, 500) })], { atMs: 2 });
  return ledger;
}

function slicesOf(ledger: Ledger): Uint8Array[] {
  const next = exportLedger(ledger);
  const slices: Uint8Array[] = [];
  for (let slice = next(); slice !== undefined; slice = next()) slices.push(slice);
  return slices;
}

function rootOf(ledger: Ledger): string {
  const roots = ledgerRoots(ledger);
  beginRoots(roots);
  foldRoots(roots, Number.POSITIVE_INFINITY);
  return toHex(accountsRoot(roots)) + toHex(pendingRoot(roots));
}

test("a snapshot is of the moment it began, in bounded slices, while execution goes on", () => {
  const ledger = largeLedger();
  const untouched = slicesOf(ledger);
  const root = rootOf(ledger);
  const before = accountsAfter(ledger, 0n, 20_000);
  const random = seededRandom(8n);
  const next = exportLedger(ledger);
  const slices: Uint8Array[] = [];
  let serial = 1_000;
  for (let slice = next(); slice !== undefined; slice = next()) {
    slices.push(slice);
    serial += 2;
    for (let paid = 0; paid < 3; paid++) fund(ledger, { to: idOf(random.below(ACCOUNTS)), token: 1, amount: 1n });
    openAccount(ledger, testAccount({ id: idOf(20_000 + serial), owner: keyOf(serial), ledger: 5 }));
    // Among accounts that the snapshot has, but behind them.
    const data = slices.length === 1 ? { userData32: 9 } : {};
    openAccount(ledger, { ...testAccount({ id: idOf(40_000 + serial), owner: keyOf(1), ledger: 5 }), ...data });
    const late = payment(serial, { flags: voidPending, pendingId: idAt(0, 10 + slices.length), amount: 0n });
    execute(ledger, [payment(serial + 1, { flags: pending, amount: 1n }), late], { atMs: 3 });
  }
  expect(slices).toEqual(untouched);
  expect(Math.max(...slices.map(({ length }) => length))).toBeLessThanOrEqual(SLICE_BYTES_MAX);
  const restored = importLedger(slices);
  if (!restored.ok) throw new Error(restored.detail);
  expect(rootOf(restored.value)).toBe(root);
  expect(accountsAfter(restored.value, 0n, 20_000)).toEqual(before);
  expect(totalsOf(restored.value)).toEqual(recount(restored.value));
  expect(slicesOf(restored.value)).toEqual(untouched);
  expect(slicesOf(ledger)).not.toEqual(untouched);
});

test("a restored ledger goes on like the one it was taken from", () => {
  const ledger = largeLedger();
  const restored = importLedger(slicesOf(ledger));
  if (!restored.ok) throw new Error(restored.detail);
  const blocks = [
    [payment(2, { flags: pending, amount: 1n, timeout: 2 }), payment(3, { flags: pending, amount: 2n }), payment(700)],
    [payment(701, { flags: voidPending, pendingId: idAt(0, 4), amount: 0n }), payment(702, { flags: pending })],
    [payment(703, { flags: voidPending, pendingId: idAt(0, 6), amount: 0n }), payment(500, { id: idAt(-60_000, 500) })],
  ];
  for (const [at, records] of blocks.entries()) {
    const block = { atMs: 1_000 * (at + 1), height: 9 + at };
    const done = executeBlock(ledger, records, block);
    expect(executeBlock(restored.value, records, block)).toEqual(done);
    expect(done.results.length).toBe(records.length);
  }
  expect(rootOf(restored.value)).toBe(rootOf(ledger));
});

test("one snapshot is read at a time", () => {
  const ledger = largeLedger();
  const first = exportLedger(ledger);
  first();
  exportLedger(ledger);
  expect(() => first()).toThrow("one snapshot");
});

/** Slices of a kind with one word changed: `at` counts from behind the four words of the head. */
const withWord = (slices: readonly Uint8Array[], kind: number, at: number, value: number): Uint8Array[] => {
  const place = slices.findIndex((slice) => slice[0] === kind);
  const bytes = new Uint8Array(slices[place] ?? []);
  new DataView(bytes.buffer).setInt32(16 + 4 * at, value, true);
  return slices.with(place, bytes);
};
const without = (slices: readonly Uint8Array[], kind: number): Uint8Array[] =>
  slices.toSpliced(
    slices.findIndex((slice) => slice[0] === kind),
    1,
  );

test("a bad snapshot is refused by what is wrong with it", () => {
  const slices = slicesOf(largeLedger());
  const swapped = slices.with(2, slices[3] ?? new Uint8Array()).with(3, slices[2] ?? new Uint8Array());
  const bad: [wrong: RegExp, parts: Uint8Array[]][] = [
    [/does not begin with its head/, slices.slice(1)],
    [/ends before/, slices.slice(0, -1)],
    [/ends before/, []],
    [/two heads/, [slices[0] ?? new Uint8Array(), ...slices]],
    [/out of order/, swapped],
    [/a slice has 3 bytes/, [new Uint8Array(3)]],
    [/at most/, [new Uint8Array(SLICE_BYTES_MAX + 4)]],
    [/version is 9/, withWord(slices, SliceKind.head, 0, 9)],
    [/free row|neither taken/, withWord(slices, SliceKind.head, 4, 0)],
    [/owners/, withWord(slices, SliceKind.head, 1, 5)],
    [/accounts/, withWord(slices, SliceKind.head, 2, 9_999)],
    [/nobody/, withWord(slices, SliceKind.owners, 0, 1)],
    [/account 0 has owner 77777/, withWord(slices, SliceKind.accounts, 12, 77_777)],
    [/account 0 is of token/, withWord(slices, SliceKind.accounts, 13, 9 << 24)],
    [/account 0 has a sum/, withWord(slices, SliceKind.accounts, 1, -1)],
    [/account 1 has a sum of 0.5/, withWord(slices, SliceKind.accounts, 16 + 7, 0x3fe00000)],
    [/account 1 has the id of account 0/, withWord(slices, SliceKind.accounts, 16 + 8, 257)],
    [/debits and credits differ/, withWord(slices, SliceKind.accounts, 16 + 7, 0x3ff00000)],
    [/account 1 holds something else pending/, withWord(slices, SliceKind.accounts, 16 + 5, 0x3ff00000)],
    [/lacks its sums/, without(slices, SliceKind.wideSums)],
    [/are not due/, withWord(slices, SliceKind.wideSums, 0, 3)],
    [/pending row 1 has accounts/, withWord(slices, SliceKind.pending, 16 + 8, 99_999)],
    [/pending row 1 has agent/, withWord(slices, SliceKind.pending, 16 + 10, -1)],
    [/pending row 1 has code/, withWord(slices, SliceKind.pending, 16 + 11, 0)],
    [/is of entry/, withWord(slices, SliceKind.marks, 0, 4 * 99_999 + 1)],
    [/comes too often/, withWord(slices, SliceKind.marks, 0, 2)],
    [/is of another/, withWord(slices, SliceKind.ids, 0, -1)],
  ];
  for (const [wrong, parts] of bad) {
    const result = importLedger(parts);
    expect([wrong, result.ok ? "restored" : (result.detail ?? "")]).toEqual([wrong, expect.stringMatching(wrong)]);
  }
});

test("whatever bits are flipped or bytes lost, it is restored or refused", () => {
  const slices = slicesOf(largeLedger());
  const random = seededRandom(77n);
  const outcomes = { restored: 0, refused: 0 };
  for (let run = 0; run < 100; run++) {
    const place = random.below(slices.length);
    const bytes = new Uint8Array(slices[place] ?? []);
    const at = random.oneIn(2) ? random.below(Math.min(64, bytes.length)) : random.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    const parts = random.oneIn(4)
      ? slices.with(place, bytes.subarray(0, random.below(bytes.length)))
      : slices.with(place, bytes);
    const result = importLedger(parts);
    if (result.ok) {
      outcomes.restored += 1;
      rootOf(result.value);
    } else outcomes.refused += 1;
  }
  expect(Math.min(outcomes.restored, outcomes.refused)).toBeGreaterThan(5);
});
