import { expect, test } from "vitest";
import { seededRandom } from "../base/random.ts";
import { transferFlags } from "../codec/transfer.ts";
import { accountsAfter } from "./account-order.ts";
import { closeBlock } from "./block.ts";
import { entriesOf } from "./block-journal.ts";
import { createJournal, noteBatch, takeNote } from "./journal.ts";
import { accountOf, type Ledger, openAccount } from "./ledger.ts";
import { mix3, mix4, mixKeys, mixTransfer } from "./mix.ts";
import { countSmall, runningTotals, totalOf } from "./running-totals.ts";
import { openSystemAccount, type SystemMove, setOwner, systemMove } from "./system-move.ts";
import {
  ALICE,
  aliceIn,
  BOB,
  bobIn,
  executeBlock,
  FUNDS,
  idAt,
  payment,
  testAccount,
  testLedger,
  timeAt,
} from "./test-ledger.ts";
import { systemAccountId, TOKENS } from "./tokens.ts";
import { recount, totalsOf } from "./totals.ts";

const { pending, postPending, voidPending, balancingDebit } = transferFlags;
const moment = { height: 5, time: timeAt(0) };
const bond = systemAccountId(TOKENS.ATR, "bond");
const move = (fields: Partial<SystemMove> = {}): SystemMove => ({
  kind: "bond",
  id: 1n,
  ledger: TOKENS.ATR,
  debit: aliceIn(TOKENS.ATR),
  credit: bond,
  amount: 7n,
  ...fields,
});

test.each([
  ["debit_account_not_found", { debit: 5n }],
  ["credit_account_not_found", { credit: 5n }],
  ["accounts_must_be_different", { credit: aliceIn(TOKENS.ATR) }],
  ["accounts_must_have_the_same_ledger", { credit: bobIn(1) }],
  ["transfer_must_have_the_same_ledger_as_accounts", { ledger: 1 }],
  ["exceeds_credits", { amount: FUNDS + 1n }],
  ["exceeds_credits", { debit: bond, credit: bobIn(TOKENS.ATR), amount: 1n }],
] as const)("a move of the system is refused with %s and changes nothing", (code, fields) => {
  const ledger = testLedger();
  const before = accountsAfter(ledger, 0n, 100);
  expect(systemMove(ledger, move(fields))).toBe(code);
  expect(accountsAfter(ledger, 0n, 100)).toEqual(before);
  expect(closeBlock(ledger).count).toBe(0);
});

test("moves of the system pass token rules and owners, and stand in the journal", () => {
  const ledger = testLedger();
  expect(systemMove(ledger, move())).toBe("applied");
  expect(systemMove(ledger, move({ kind: "slash", debit: bond, credit: systemAccountId(3, "burn"), amount: 3n }))).toBe(
    "applied",
  );
  const journal = closeBlock(ledger);
  const entries = entriesOf({ ...moment, batches: [], journal });
  expect(entries.map(({ kind, debit, credit, amount }) => ({ kind, debit, credit, amount }))).toEqual([
    { kind: "bond", debit: aliceIn(3), credit: bond, amount: 7n },
    { kind: "slash", debit: bond, credit: systemAccountId(3, "burn"), amount: 3n },
  ]);
  expect(entries.map(({ position }) => position)).toEqual([journal.first, journal.first + 1]);
  expect(totalsOf(ledger).ATR).toMatchObject({ burned: 3n, held: 2n * FUNDS - 3n });
  expect(totalsOf(ledger)).toEqual(recount(ledger));
});

test("an account gets another key; the system's have none", () => {
  const ledger = testLedger();
  expect(executeBlock(ledger, [payment(1)], { signer: BOB }).results).toEqual(["signer_not_owner"]);
  expect(setOwner(ledger, aliceIn(1), BOB)).toBe("applied");
  expect(accountOf(ledger, aliceIn(1))?.owner).toBe(BOB);
  expect(executeBlock(ledger, [payment(1)], { signer: BOB }).results).toEqual(["applied"]);
  expect(executeBlock(ledger, [payment(2)], { signer: ALICE }).results).toEqual(["signer_not_owner"]);
  expect(setOwner(ledger, bond, BOB)).toBe("id_reserved_for_system");
  expect(setOwner(ledger, 5n, BOB)).toBe("account_not_found");
});

test("accounts are read page by page in the order of their ids, whatever the order has reached", () => {
  const random = seededRandom(21n);
  const ledger: Ledger = testLedger();
  const ids = new Set(accountsAfter(ledger, 0n, 1_000).map(({ id }) => id));
  for (let round = 0; round < 12; round++) {
    for (let more = 0; more < 150; more++) {
      const id = (BigInt(random.below(2 ** 31)) << 97n) | BigInt(random.below(2 ** 31));
      if (ids.has(id) || id === 0n) continue;
      ids.add(id);
      openAccount(ledger, testAccount({ id, owner: ALICE, ledger: 1 }));
    }
    const sorted = [...ids].toSorted((a, b) => (a < b ? -1 : 1));
    for (const limit of [1, 7, 10_000]) {
      const from = random.below(sorted.length);
      const after = random.oneIn(2) ? (sorted[from] ?? 0n) : (sorted[from] ?? 0n) - 1n;
      const expected = sorted.filter((id) => id > after).slice(0, limit);
      expect(accountsAfter(ledger, after, limit).map(({ id }) => id)).toEqual(expected);
    }
    closeBlock(ledger);
  }
  expect(ledger.order.reached).toBeGreaterThan(1_000);
  expect(ledger.order.runs.length).toBeGreaterThan(2);
});

test("a note tells each entry once, and its batch's records in their order", () => {
  const ledger = testLedger();
  const records = [
    payment(1),
    payment(2, { code: 0 }),
    payment(3, { flags: pending, amount: 50n, ledger: TOKENS.PSY }),
    payment(1),
    payment(4, { flags: postPending, pendingId: idAt(0, 3), amount: 41n, debit: 0n, credit: 0n, ledger: 0, code: 0 }),
    payment(5, { userData128: 1n, userData64: 2n, userData32: 3 }),
  ];
  const { entries, journal, results } = executeBlock(ledger, records, { height: 3 });
  expect(results.map((result) => result === "applied")).toEqual([true, false, true, false, true, true]);
  expect(entries.map(({ kind, amount }) => [kind, amount])).toEqual([
    ["transfer", 10n],
    ["pending", 50n],
    ["post", 36n],
    ["token_fee", 5n],
    ["transfer", 10n],
  ]);
  expect(entries.at(-1)).toMatchObject({ userData128: 1n, userData64: 2n, userData32: 3, height: 3, code: 1 });
  // Two entries by themselves, two lists of six bits, a head.
  expect(journal.note.length).toBe(2 * 120 + 2 + 12);
});

test("what came of each transfer is told as it was sent, with the fee it paid", () => {
  const ledger = testLedger();
  const sent = [
    payment(1, { ledger: TOKENS.PSY, amount: 25n, userData32: 9 }),
    payment(2, { flags: balancingDebit, amount: 10n ** 20n }),
    payment(3, { amount: 1n }),
    payment(4, { flags: pending, amount: 8n, ledger: TOKENS.PSY }),
    payment(5, { flags: voidPending, pendingId: idAt(0, 4), amount: 0n, debit: 0n, credit: 0n, ledger: 0, code: 0 }),
  ];
  const { transfers, journal } = executeBlock(ledger, sent, { height: 3 });
  const parties = (token: number) => ({ debit: aliceIn(token), credit: bobIn(token), ledger: token, code: 1 });
  const timestamp = timeAt(0);
  expect(transfers).toEqual([
    { record: { ...sent[0], timestamp }, height: 3, ...parties(4), amount: 25n },
    { record: { ...sent[1], timestamp }, height: 3, ...parties(1), amount: FUNDS },
    { record: { ...sent[3], timestamp }, height: 3, ...parties(4), amount: 8n },
    { record: { ...sent[4], timestamp }, height: 3, ...parties(4), amount: 8n },
  ]);
  expect(() => entriesOf({ height: 3, time: timeAt(0), batches: [], journal })).toThrow("noted batch is in the block");
});

test("nothing but a batch's own entries go into its note", () => {
  const journal = createJournal(41);
  noteBatch(journal, 0, new Uint8Array([0, 0, 9, 1]));
  journal.count += 2;
  expect(takeNote(journal)).toMatchObject({ first: 42, count: 2 });
  expect(takeNote(journal)).toEqual({ first: 44, count: 0, note: new Uint8Array() });
});

test("running totals stay exact where numbers do not", () => {
  const totals = runningTotals();
  const most = Number.MAX_SAFE_INTEGER;
  for (let times = 0; times < 1_000; times++) countSmall(totals, 1, 1, most);
  expect(totalOf(totals, 1, 1)).toBe(1_000n * BigInt(most));
});

test("a fingerprint changes with every word between id and timestamp, and with no other", () => {
  const words = Int32Array.from({ length: 32 }, (_, word) => word * 77_777);
  const printOf = (changed: number, bit: number): string => {
    const out = new Int32Array(2);
    mixTransfer(words.with(changed, (words[changed] ?? 0) ^ (1 << bit)), 0, out);
    return out.join();
  };
  const plain = new Int32Array(2);
  mixTransfer(words, 0, plain);
  const prints = new Set<string>([plain.join()]);
  for (let word = 4; word < 30; word++) for (let bit = 0; bit < 32; bit++) prints.add(printOf(word, bit));
  expect(prints.size).toBe(1 + 26 * 32);
  for (const word of [0, 1, 2, 3, 30, 31]) expect(printOf(word, 3)).toBe(plain.join());
});

test("hashes spread counted-up keys evenly over their upper and lower bits", () => {
  const keys = mixKeys(5);
  const hashes = [
    (number: number) => mix3(keys, number << 16, number, 0),
    (number: number) => mix3(keys, 7, number << 20, 9),
    (number: number) => mix4(keys, number, 0, 0, 1),
    (number: number) => mix4(keys, 0, 0, 0, number << 24),
  ];
  for (const [nth, hashOf] of hashes.entries()) {
    const [upper, lower] = [new Int32Array(256), new Int32Array(256)];
    const count = nth === 3 ? 256 : 65_536;
    const different = new Set<number>();
    for (let number = 0; number < count; number++) {
      const hash = hashOf(number);
      different.add(hash);
      upper[hash >>> 24] = (upper[hash >>> 24] ?? 0) + 1;
      lower[hash & 255] = (lower[hash & 255] ?? 0) + 1;
    }
    expect(different.size).toBeGreaterThan(nth === 1 ? 4_000 : count - 5);
    if (nth === 3 || nth === 1) continue;
    expect(Math.max(...upper, ...lower)).toBeLessThan(360);
  }
});

test("an account that the system opens belongs to its owner and has the debit limit", () => {
  const ledger = testLedger();
  const fields = { id: (1n << 32n) + 9n, owner: BOB, token: 3, code: 16, createdAt: timeAt(1) };
  openSystemAccount(ledger, fields);
  expect(accountOf(ledger, fields.id)).toMatchObject({
    owner: BOB,
    ledger: 3,
    code: 16,
    flags: 2,
    createdAt: timeAt(1),
  });
});
