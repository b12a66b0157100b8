import { expect, test } from "vitest";
import { type Transfer, transferFlags, U128_MAX } from "../codec/transfer.ts";
import { accountsAfter } from "./account-order.ts";
import type { RecordResult } from "./codes.ts";
import { aliceIn, BOB, bobIn, execute, executeBlock, FUNDS, idAt, payment, sums, testLedger } from "./test-ledger.ts";
import { systemAccountId, TOKENS } from "./tokens.ts";

const { linked, pending, postPending, voidPending, balancingDebit, agent } = transferFlags;
const all = U128_MAX;

test("a payment moves posted sums on both sides", () => {
  const ledger = testLedger();
  expect(execute(ledger, [payment(1, { amount: 10n })])).toEqual(["applied"]);
  expect(sums(ledger, aliceIn(1))).toEqual({ dp: 0n, d: 10n, cp: 0n, c: FUNDS });
  expect(sums(ledger, bobIn(1))).toEqual({ dp: 0n, d: 0n, cp: 0n, c: FUNDS + 10n });
});

const refusals: [code: RecordResult, fields: Partial<Transfer>][] = [
  ["timestamp_must_be_zero", { timestamp: 1n }],
  ["reserved_flag", { flags: 1 << 8 }],
  ["id_must_not_be_zero", { id: 0n }],
  ["id_must_not_be_int_max", { id: all }],
  ["id_expired", { id: idAt(-600_001, 1) }],
  ["id_in_future", { id: idAt(60_001, 1) }],
  ["flags_are_mutually_exclusive", { flags: pending | postPending }],
  ["flags_are_mutually_exclusive", { flags: postPending | voidPending }],
  ["flags_are_mutually_exclusive", { flags: voidPending | balancingDebit }],
  ["agent_reserved_for_pending_transfer", { flags: agent }],
  ["debit_account_id_must_not_be_zero", { debit: 0n }],
  ["debit_account_id_must_not_be_int_max", { debit: all }],
  ["credit_account_id_must_not_be_zero", { credit: 0n }],
  ["credit_account_id_must_not_be_int_max", { credit: all }],
  ["accounts_must_be_different", { credit: aliceIn(1) }],
  ["pending_id_must_be_zero", { pendingId: 5n }],
  ["timeout_reserved_for_pending_transfer", { timeout: 1 }],
  ["ledger_must_not_be_zero", { ledger: 0, debit: aliceIn(1), credit: bobIn(1) }],
  ["code_must_not_be_zero", { code: 0 }],
  ["debit_account_not_found", { debit: aliceIn(99) }],
  ["credit_account_not_found", { credit: bobIn(99) }],
  ["accounts_must_have_the_same_ledger", { credit: bobIn(5) }],
  ["transfer_must_have_the_same_ledger_as_accounts", { ledger: 5, debit: aliceIn(1), credit: bobIn(1) }],
  ["signer_not_owner", { debit: bobIn(1), credit: aliceIn(1) }],
  ["signer_not_owner", { debit: systemAccountId(1, "issuance") }],
  ["credit_account_moved_by_system_only", { credit: systemAccountId(1, "burn") }],
  ["token_not_transferable", { ledger: TOKENS.CHR }],
  ["token_not_transferable", { ledger: TOKENS.ATR }],
  ["exceeds_credits", { amount: FUNDS + 1n }],
  ["pending_id_must_not_be_zero", { flags: postPending }],
  ["pending_id_must_not_be_int_max", { flags: postPending, pendingId: all }],
  ["pending_id_must_be_different", { flags: voidPending, pendingId: idAt(0, 7) }],
  ["timeout_reserved_for_pending_transfer", { flags: voidPending, pendingId: idAt(0, 1), timeout: 1 }],
  ["pending_transfer_not_found", { flags: postPending, pendingId: idAt(0, 1) }],
  ["linked_event_chain_open", { flags: linked }],
];

test.each(refusals)("refuses with %s and changes nothing", (code, fields) => {
  const ledger = testLedger();
  const before = accountsAfter(ledger, 0n, 1_000);
  const { results, entries } = executeBlock(ledger, [payment(7, fields)]);
  expect(results).toEqual([code]);
  expect(entries).toEqual([]);
  expect(accountsAfter(ledger, 0n, 1_000)).toEqual(before);
  expect(ledger.ids.count + ledger.pending.taken).toBe(0);
});

test("the window of ids includes its ends", () => {
  const ledger = testLedger();
  const edges = [payment(1, { id: idAt(-600_000, 1) }), payment(2, { id: idAt(60_000, 2) })];
  expect(execute(ledger, edges)).toEqual(["applied", "applied"]);
});

test("a repeat exists; with any other field it is refused", () => {
  const ledger = testLedger();
  const sent = payment(1, { userData128: 1n, userData64: 2n, userData32: 3 });
  expect(execute(ledger, [sent])).toEqual(["applied"]);
  expect(execute(ledger, [sent])).toEqual(["exists"]);
  const others: Partial<Transfer>[] = [
    { flags: pending },
    { flags: linked },
    { pendingId: 1n },
    { timeout: 1 },
    { debit: 9n },
    { credit: 9n },
    { amount: 9n },
    { userData128: 9n },
    { userData128: 1n << 127n },
    { userData64: 9n },
    { userData32: 9 },
    { ledger: 9 },
    { code: 9 },
  ];
  const closing = payment(2, { amount: 0n });
  for (const fields of others)
    expect(execute(ledger, [{ ...sent, ...fields }, closing])[0]).toBe("exists_with_different_fields");
  expect(sums(ledger, aliceIn(1)).d).toBe(10n);
  // Beyond the window a known id is as expired as an unknown one, whatever a node still remembers.
  expect(execute(ledger, [sent], { atMs: 600_001 })).toEqual(["id_expired"]);
});

test("pending reserves; post moves a part and gives the rest back", () => {
  const ledger = testLedger();
  expect(execute(ledger, [payment(1, { amount: 600n, flags: pending })])).toEqual(["applied"]);
  expect(sums(ledger, aliceIn(1))).toEqual({ dp: 600n, d: 0n, cp: 0n, c: FUNDS });
  expect(execute(ledger, [payment(2, { amount: 401n })])).toEqual(["exceeds_credits"]);
  const post = { flags: postPending, pendingId: idAt(0, 1), debit: 0n, credit: 0n, ledger: 0, code: 0 };
  const differing: [RecordResult, Partial<Transfer>][] = [
    ["exceeds_pending_transfer_amount", { amount: 601n }],
    ["pending_transfer_has_different_debit_account_id", { debit: 9n }],
    ["pending_transfer_has_different_credit_account_id", { credit: 9n }],
    ["pending_transfer_has_different_ledger", { ledger: 5 }],
    ["pending_transfer_has_different_code", { code: 5 }],
  ];
  for (const [code, fields] of differing) expect(execute(ledger, [payment(3, { ...post, ...fields })])).toEqual([code]);
  expect(execute(ledger, [payment(3, { ...post, amount: 250n })], { signer: BOB })).toEqual(["signer_not_owner"]);
  expect(execute(ledger, [payment(3, { ...post, amount: 250n })])).toEqual(["applied"]);
  expect(sums(ledger, aliceIn(1))).toEqual({ dp: 0n, d: 250n, cp: 0n, c: FUNDS });
  expect(sums(ledger, bobIn(1))).toEqual({ dp: 0n, d: 0n, cp: 0n, c: FUNDS + 250n });
  expect(execute(ledger, [payment(4, post)])).toEqual(["pending_transfer_already_posted"]);
  expect(execute(ledger, [payment(5, { ...post, pendingId: idAt(0, 3) })])).toEqual(["pending_transfer_not_pending"]);
});

test("void gives everything back; the largest amount posts everything", () => {
  const ledger = testLedger();
  execute(ledger, [payment(1, { amount: 600n, flags: pending }), payment(2, { amount: 300n, flags: pending })]);
  const void1 = payment(3, { flags: voidPending, pendingId: idAt(0, 1), amount: 1n });
  expect(execute(ledger, [void1])).toEqual(["pending_transfer_has_different_amount"]);
  expect(execute(ledger, [{ ...void1, amount: 0n }])).toEqual(["applied"]);
  expect(execute(ledger, [{ ...void1, id: idAt(0, 4), amount: 0n }])).toEqual(["pending_transfer_already_voided"]);
  const post2 = payment(5, { flags: postPending, pendingId: idAt(0, 2), amount: all });
  expect(execute(ledger, [post2])).toEqual(["applied"]);
  expect(sums(ledger, aliceIn(1))).toEqual({ dp: 0n, d: 300n, cp: 0n, c: FUNDS });
});

test("a pending transfer expires at its timeout, in block time", () => {
  const ledger = testLedger();
  execute(ledger, [payment(1, { amount: 600n, flags: pending, timeout: 5 })]);
  execute(ledger, [], { atMs: 4_999, height: 2 });
  expect(sums(ledger, aliceIn(1)).dp).toBe(600n);
  const { entries } = executeBlock(ledger, [], { atMs: 5_000, height: 3 });
  expect(sums(ledger, aliceIn(1)).dp).toBe(0n);
  expect(entries).toMatchObject([{ kind: "expire", height: 3, amount: 600n, pendingId: idAt(0, 1) }]);
  const late = payment(2, { id: idAt(5_000, 2), flags: postPending, pendingId: idAt(0, 1) });
  expect(execute(ledger, [late], { atMs: 5_000 })).toEqual(["pending_transfer_expired"]);
});

test("an agent may post what the payer reserved for it", () => {
  const ledger = testLedger();
  const reserved = payment(1, { flags: pending | agent, userData128: bobIn(5) });
  expect(execute(ledger, [reserved])).toEqual(["applied"]);
  const post = payment(2, { flags: postPending, pendingId: idAt(0, 1), amount: all });
  expect(execute(ledger, [post], { signer: "cc".repeat(32) })).toEqual(["signer_not_owner"]);
  expect(execute(ledger, [post], { signer: BOB })).toEqual(["applied"]);
});

test("balancing moves no more than the limit leaves", () => {
  const ledger = testLedger();
  const most = payment(1, { amount: all, flags: balancingDebit });
  expect(execute(ledger, [most])).toEqual(["applied"]);
  expect(sums(ledger, aliceIn(1)).d).toBe(FUNDS);
  expect(execute(ledger, [most])).toEqual(["exists"]);
});

test.each([
  [10n, 9n, 1n],
  [11n, 9n, 2n],
  [1n, 0n, 1n],
])("of %d PSY the recipient gets %d, the fee account %d", (amount, received, fee) => {
  const ledger = testLedger();
  const feeAccount = systemAccountId(TOKENS.PSY, "fee");
  expect(execute(ledger, [payment(1, { ledger: TOKENS.PSY, amount })])).toEqual(["applied"]);
  expect(sums(ledger, aliceIn(TOKENS.PSY)).d).toBe(amount);
  expect(sums(ledger, bobIn(TOKENS.PSY)).c).toBe(FUNDS + received);
  expect(sums(ledger, feeAccount).c).toBe(fee);
  // Two-phase: the fee is taken at post.
  execute(ledger, [payment(2, { ledger: TOKENS.PSY, amount, flags: pending })]);
  expect(sums(ledger, feeAccount).c).toBe(fee);
  const post = { ledger: TOKENS.PSY, flags: postPending, pendingId: idAt(0, 2), amount: all };
  expect(execute(ledger, [payment(3, post)])).toEqual(["applied"]);
  expect(sums(ledger, feeAccount).c).toBe(2n * fee);
  expect(sums(ledger, bobIn(TOKENS.PSY))).toEqual({ dp: 0n, d: 0n, cp: 0n, c: FUNDS + 2n * received });
});

test("a linked chain is applied as one or not at all", () => {
  const ledger = testLedger();
  const chain = (last: Partial<Transfer>) => [
    payment(1, { flags: linked | pending, amount: 100n }),
    payment(2, { flags: linked | postPending, pendingId: idAt(0, 1), amount: 60n }),
    payment(3, { amount: 5n, ...last }),
  ];
  const after = [payment(4, { amount: 1n })];
  const failed = "linked_event_failed";
  const { results, entries } = executeBlock(ledger, [...chain({ amount: FUNDS }), ...after]);
  expect(results).toEqual([failed, failed, "exceeds_credits", "applied"]);
  expect(sums(ledger, aliceIn(1))).toEqual({ dp: 0n, d: 1n, cp: 0n, c: FUNDS });
  expect(entries.map(({ id }) => id)).toEqual([idAt(0, 4)]);
  expect(ledger.pending.taken).toBe(0);
  expect(execute(ledger, chain({}))).toEqual(["applied", "applied", "applied"]);
  expect(execute(ledger, chain({}))).toEqual(["exists", "exists", "exists"]);
  expect(sums(ledger, aliceIn(1)).d).toBe(66n);
  const open = [payment(8, { flags: linked }), payment(9, { flags: linked })];
  expect(execute(ledger, open)).toEqual([failed, "linked_event_chain_open"]);
});

test("a timer of a chain that was taken back does not end the transfer that came after", () => {
  const ledger = testLedger();
  const short = payment(1, { flags: linked | pending, timeout: 1 });
  execute(ledger, [short, payment(2, { amount: FUNDS * 2n })]);
  expect(execute(ledger, [payment(1, { flags: pending, timeout: 9 })])).toEqual(["applied"]);
  execute(ledger, [], { atMs: 8_999 });
  expect(sums(ledger, aliceIn(1)).dp).toBe(10n);
  execute(ledger, [], { atMs: 9_000 });
  expect(sums(ledger, aliceIn(1)).dp).toBe(0n);
});

test("a post that was taken back leaves no trace", () => {
  const ledger = testLedger();
  execute(ledger, [payment(1, { flags: pending, timeout: 1 })]);
  const post = payment(2, { flags: linked | postPending, pendingId: idAt(0, 1), amount: all });
  execute(ledger, [post, payment(3, { amount: FUNDS * 2n })]);
  expect(sums(ledger, aliceIn(1))).toEqual({ dp: 10n, d: 0n, cp: 0n, c: FUNDS });
  const late = payment(4, { flags: postPending, pendingId: idAt(0, 1), amount: all });
  expect(execute(ledger, [late], { atMs: 1_000 })).toEqual(["pending_transfer_expired"]);
});
