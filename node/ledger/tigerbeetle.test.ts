import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Transfer, transferFlags, U128_MAX } from "../codec/transfer.ts";
import { aliceIn, bobIn, execute, FUNDS, fund, idAt, payment, testLedger } from "./test-ledger.ts";

/**
 * The results of `create_transfers` in the order of their precedence, as TigerBeetle's documentation lists them
 * (docs.tigerbeetle.com, "Reference: create_transfers", release 0.16), without what is about imported and closing transfers,
 * which this ledger does not have. Of two faults the earlier one is to be answered.
 */
const DOCUMENTED = [
  "linked_event_failed",
  "linked_event_chain_open",
  "timestamp_must_be_zero",
  "reserved_flag",
  "id_must_not_be_zero",
  "id_must_not_be_int_max",
  "exists_with_different_flags",
  "exists_with_different_pending_id",
  "exists_with_different_timeout",
  "exists_with_different_debit_account_id",
  "exists_with_different_credit_account_id",
  "exists_with_different_amount",
  "exists_with_different_user_data_128",
  "exists_with_different_user_data_64",
  "exists_with_different_user_data_32",
  "exists_with_different_ledger",
  "exists_with_different_code",
  "exists",
  "id_already_failed",
  "flags_are_mutually_exclusive",
  "debit_account_id_must_not_be_zero",
  "debit_account_id_must_not_be_int_max",
  "credit_account_id_must_not_be_zero",
  "credit_account_id_must_not_be_int_max",
  "accounts_must_be_different",
  "pending_id_must_be_zero",
  "pending_id_must_not_be_zero",
  "pending_id_must_not_be_int_max",
  "pending_id_must_be_different",
  "timeout_reserved_for_pending_transfer",
  "ledger_must_not_be_zero",
  "code_must_not_be_zero",
  "debit_account_not_found",
  "credit_account_not_found",
  "accounts_must_have_the_same_ledger",
  "transfer_must_have_the_same_ledger_as_accounts",
  "pending_transfer_not_found",
  "pending_transfer_not_pending",
  "pending_transfer_has_different_debit_account_id",
  "pending_transfer_has_different_credit_account_id",
  "pending_transfer_has_different_ledger",
  "pending_transfer_has_different_code",
  "exceeds_pending_transfer_amount",
  "pending_transfer_has_different_amount",
  "pending_transfer_already_posted",
  "pending_transfer_already_voided",
  "pending_transfer_expired",
  "overflows_debits",
  "overflows_credits",
  "exceeds_credits",
] as const;
type Documented = (typeof DOCUMENTED)[number];

/** What is answered instead, on purpose: told in docs/ledger.md in these words. */
const DIFFERENCES = {
  fingerprint: "`exists_with_different_fields` stands for",
  refusedAgain: "A refused id is not remembered",
  resolvedFirst: "What became of a pending transfer is answered before its fields are compared",
  debitFirst: "The debit account is judged before the credit account",
  repeatInChain: "a repeat does not break the chain",
  repeatAsSent: "A repeat has to be sent in the same words",
  creditLimit: "`balancing_credit` bounds only by a credit limit",
} as const;

const { linked, pending, postPending, voidPending, balancingDebit, balancingCredit } = transferFlags;
const serial = (nth: number): bigint => idAt(0, nth);
const [PLAIN, OPEN, POSTED, VOIDED, EXPIRED] = [1, 2, 3, 4, 5].map(serial) as [bigint, bigint, bigint, bigint, bigint];

/** Alice has paid, reserved, posted and voided something, and one reservation has expired. */
function scene() {
  const ledger = testLedger();
  const reserve = { flags: pending, amount: 20n };
  execute(ledger, [
    payment(1),
    ...[2, 3, 4].map((nth) => payment(nth, reserve)),
    payment(5, { ...reserve, timeout: 1 }),
    payment(6, { flags: postPending, pendingId: POSTED, amount: 20n }),
    payment(7, { flags: voidPending, pendingId: VOIDED, amount: 0n }),
  ]);
  return ledger;
}
const AT_MS = 2_000;

type Fault = readonly [code: Documented, fields: Partial<Transfer>, touches?: readonly (keyof Transfer)[]];
const anywhere: Fault[] = [
  ["timestamp_must_be_zero", { timestamp: 1n }],
  ["reserved_flag", { flags: 1 << 8 }],
  ["id_must_not_be_zero", { id: 0n }],
  ["id_must_not_be_int_max", { id: U128_MAX }],
];
const single: Fault[] = [
  ...anywhere,
  ["exists", { id: PLAIN }, Object.keys(payment(1)) as (keyof Transfer)[]],
  ["flags_are_mutually_exclusive", { flags: pending | postPending }],
  ["debit_account_id_must_not_be_zero", { debit: 0n }],
  ["debit_account_id_must_not_be_int_max", { debit: U128_MAX }],
  ["credit_account_id_must_not_be_zero", { credit: 0n }],
  ["credit_account_id_must_not_be_int_max", { credit: U128_MAX }],
  ["accounts_must_be_different", { credit: aliceIn(1) }, ["debit"]],
  ["pending_id_must_be_zero", { pendingId: OPEN }, ["flags"]],
  ["timeout_reserved_for_pending_transfer", { timeout: 1 }, ["flags"]],
  ["ledger_must_not_be_zero", { ledger: 0 }],
  ["code_must_not_be_zero", { code: 0 }],
  ["debit_account_not_found", { debit: 98n << 64n }],
  ["credit_account_not_found", { credit: 99n << 64n }],
  ["accounts_must_have_the_same_ledger", { credit: bobIn(5) }, ["debit"]],
  ["transfer_must_have_the_same_ledger_as_accounts", { ledger: 5 }, ["debit", "credit"]],
  ["exceeds_credits", { amount: FUNDS + 1n }, ["debit", "credit", "ledger"]],
];
const resolving: Fault[] = [
  ...anywhere,
  ["flags_are_mutually_exclusive", { flags: postPending | voidPending }],
  ["pending_id_must_not_be_zero", { pendingId: 0n }],
  ["pending_id_must_not_be_int_max", { pendingId: U128_MAX }],
  ["pending_id_must_be_different", { pendingId: serial(50) }, ["id"]],
  ["timeout_reserved_for_pending_transfer", { timeout: 1 }],
  ["pending_transfer_not_found", { pendingId: serial(77) }],
  ["pending_transfer_not_pending", { pendingId: PLAIN }],
  ["pending_transfer_has_different_debit_account_id", { debit: 9n }],
  ["pending_transfer_has_different_credit_account_id", { credit: 9n }],
  ["pending_transfer_has_different_ledger", { ledger: 5 }],
  ["pending_transfer_has_different_code", { code: 9 }],
  ["exceeds_pending_transfer_amount", { amount: 21n }],
  ["pending_transfer_already_posted", { pendingId: POSTED }],
  ["pending_transfer_already_voided", { pendingId: VOIDED }],
  ["pending_transfer_expired", { pendingId: EXPIRED }],
];
const fresh = payment(50, { id: serial(50) });
const post = payment(50, {
  flags: postPending,
  pendingId: OPEN,
  amount: 20n,
  debit: 0n,
  credit: 0n,
  ledger: 0,
  code: 0,
});

const place = (code: Documented): number => DOCUMENTED.indexOf(code);
const isFate = (code: Documented): boolean => /^pending_transfer_(?:already|expired|not)/.test(code);

test.each([
  ["single-phase", fresh, single],
  ["post", post, resolving],
] as const)("of two faults of a %s transfer the one is answered that is documented first", (_kind, base, faults) => {
  const ledger = scene();
  let pairs = 0;
  for (const [one, fields, touches = []] of faults)
    for (const [other, more, alsoTouches = []] of faults) {
      const keys = new Set([...Object.keys(fields), ...touches]);
      if (one !== other && [...Object.keys(more), ...alsoTouches].some((key) => keys.has(key))) continue;
      const documented = place(one) <= place(other) ? one : other;
      // DIFFERENCES.resolvedFirst: the fields of a resolved transfer are forgotten.
      const fate = [one, other].find(isFate);
      const wins = fate !== undefined && place(documented) > place("pending_transfer_not_pending") ? fate : documented;
      expect([one, other, ...execute(ledger, [{ ...base, ...fields, ...more }], { atMs: AT_MS })]).toEqual([
        one,
        other,
        wins,
      ]);
      pairs += 1;
    }
  expect(pairs).toBeGreaterThan(100);
});

test("flags exclude each other as documented", () => {
  const names = { pending, postPending, voidPending, balancingDebit, balancingCredit };
  const excluded = (a: string, b: string): boolean => {
    const resolves = [a, b].filter((name) => name === "postPending" || name === "voidPending");
    return resolves.length > 0 && a !== b;
  };
  for (const [a, one] of Object.entries(names))
    for (const [b, other] of Object.entries(names)) {
      const [result] = execute(scene(), [{ ...post, pendingId: 0n, flags: one | other }], { atMs: AT_MS });
      expect([a, b, result === "flags_are_mutually_exclusive"]).toEqual([a, b, excluded(a, b)]);
    }
});

type Row = readonly [
  what: string,
  records: readonly Transfer[],
  tigerBeetle: readonly string[],
  ours?: readonly string[],
  difference?: keyof typeof DIFFERENCES,
];
const again = payment(1);
const voiding = { ...post, flags: voidPending };
const failed = "linked_event_failed";
const rows: Row[] = [
  ["a repeat", [again], ["exists"]],
  [
    "a repeat with another amount",
    [{ ...again, amount: 9n }],
    ["exists_with_different_amount"],
    ["exists_with_different_fields"],
    "fingerprint",
  ],
  [
    "a repeat with other flags",
    [{ ...again, flags: pending }],
    ["exists_with_different_flags"],
    ["exists_with_different_fields"],
    "fingerprint",
  ],
  [
    "an id that failed",
    [{ ...fresh, amount: FUNDS * 2n }, fresh],
    ["exceeds_credits", "id_already_failed"],
    ["exceeds_credits", "applied"],
    "refusedAgain",
  ],
  ["a malformed id again", [{ ...fresh, code: 0 }, fresh], ["code_must_not_be_zero", "applied"]],
  ["a transfer of nothing", [{ ...fresh, amount: 0n }], ["applied"]],
  ["a post of a part", [{ ...post, amount: 5n }], ["applied"]],
  ["a post of nothing", [{ ...post, amount: 0n }], ["applied"]],
  ["a post of all", [{ ...post, amount: U128_MAX }], ["applied"]],
  [
    "a repeated post by another word for all",
    [{ ...post, amount: U128_MAX }, post],
    ["applied", "exists"],
    ["applied", "exists_with_different_fields"],
    "repeatAsSent",
  ],
  ["a void without an amount", [{ ...voiding, amount: 0n }], ["applied"]],
  ["a void of a part", [{ ...voiding, amount: 5n }], ["pending_transfer_has_different_amount"]],
  [
    "a void that repeats the fields",
    [{ ...voiding, debit: aliceIn(1), credit: bobIn(1), ledger: 1, code: 1 }],
    ["applied"],
  ],
  ["a chain", [{ ...fresh, flags: linked }, payment(51)], ["applied", "applied"]],
  ["a broken chain", [{ ...fresh, flags: linked }, payment(51, { code: 0 })], [failed, "code_must_not_be_zero"]],
  ["a chain broken at once", [{ ...fresh, flags: linked, code: 0 }, payment(51)], ["code_must_not_be_zero", failed]],
  ["an open chain", [{ ...fresh, flags: linked }, payment(51, { flags: linked })], [failed, "linked_event_chain_open"]],
  ["a chain of one", [{ ...fresh, flags: linked }], ["linked_event_chain_open"]],
  [
    "a chain with a repeat",
    [{ ...fresh, flags: linked }, again],
    [failed, "exists"],
    ["applied", "exists"],
    "repeatInChain",
  ],
  ["a balancing debit", [{ ...fresh, flags: balancingDebit, amount: U128_MAX }], ["applied"]],
  [
    "a balancing debit of nothing left",
    [{ ...fresh, flags: balancingDebit, amount: U128_MAX }, payment(51, { flags: balancingDebit })],
    ["applied", "applied"],
  ],
];

for (const [what, records, tigerBeetle, ours = tigerBeetle, difference] of rows)
  test(what, () => {
    expect(execute(scene(), records, { atMs: AT_MS })).toEqual(ours);
    expect(ours === tigerBeetle).toBe(difference === undefined);
  });

test("limits and overflows", () => {
  const rich = testLedger();
  fund(rich, { to: bobIn(1), token: 1, amount: U128_MAX - 5n * FUNDS });
  // Bob's credits would overflow and Alice has not so much: TigerBeetle answers with the overflow (`debitFirst`).
  expect(execute(rich, [payment(1, { amount: 6n * FUNDS })])).toEqual(["exceeds_credits"]);
  expect(execute(rich, [payment(2, { amount: FUNDS })])).toEqual(["applied"]);
  // TigerBeetle would move nothing, as Bob's credits are above his debits (`creditLimit`).
  const ledger = testLedger();
  execute(ledger, [payment(3, { flags: balancingCredit, amount: 7n })]);
  expect(execute(ledger, [payment(4, { amount: FUNDS - 6n })])).toEqual(["exceeds_credits"]);
});

test("docs/ledger.md tells every difference", () => {
  const told = readFileSync(join(import.meta.dirname, "../../docs/ledger.md"), "utf8").replaceAll(/\s+/g, " ");
  for (const words of Object.values(DIFFERENCES)) expect(told).toContain(words);
  expect(new Set(rows.flatMap(([, , , , difference]) => difference ?? [])).size).toBe(4);
});
