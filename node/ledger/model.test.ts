import { expect, test } from "vitest";
import { toHex } from "../base/bytes.ts";
import { fc } from "../base/test-property.ts";
import { type Transfer, transferFlags, U128_MAX } from "../codec/transfer.ts";
import { accountsAfter } from "./account-order.ts";
import type { RecordResult } from "./codes.ts";
import type { Ledger } from "./ledger.ts";
import { accountsRoot, beginRoots, foldRoots, type LedgerRoots, ledgerRoots, pendingRoot } from "./roots.ts";
import { exportLedger } from "./snapshot-export.ts";
import { importLedger } from "./snapshot-import.ts";
import { setOwner } from "./system-move.ts";
import {
  ALICE,
  aliceIn,
  BOB,
  bobIn,
  executeBlock,
  FUNDS,
  fund,
  idAt,
  type MoveFields,
  payment,
  testLedger,
} from "./test-ledger.ts";
import { type Entry, type Reference, referenceBlock, referenceMove } from "./test-reference.ts";
import { type SystemAccount, systemAccountId, TOKENS } from "./tokens.ts";
import { recount, totalsOf } from "./totals.ts";

const { linked, pending, postPending, voidPending, balancingDebit, balancingCredit, agent } = transferFlags;
/** Enough that sums pass 2⁵³, where an account is kept in another way. */
const RICH = 2n ** 53n - 100n;

/** What a transfer seldom looks like. */
const oddities: Partial<Transfer>[] = [
  { code: 0 },
  { ledger: 9 },
  { ledger: 0 },
  { debit: 0n },
  { credit: U128_MAX },
  { debit: 77n << 64n },
  { credit: 77n << 64n },
  { credit: systemAccountId(TOKENS.FLX, "fee") },
  { credit: systemAccountId(TOKENS.ATR, "bond") },
  { timestamp: 1n },
  { flags: 1 << 9 },
  { flags: agent },
  { flags: postPending | voidPending },
  { pendingId: 1n },
  { pendingId: U128_MAX },
  { timeout: 7 },
  { id: 0n },
  { id: U128_MAX },
];

const operation = fc.record({
  /** How many transfers back the one lies that is repeated; 0: a new one. */
  again: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 4),
  /** In a repeat: with other words. */
  changed: fc.boolean(),
  odd: fc.oneof(
    { weight: 9, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(...oddities) },
  ),
  token: fc.constantFrom(1, 1, 4, 4, 5, 5, 5, 2, 3),
  /** From an account that the batch's signer does not own. */
  stranger: fc.constantFrom(false, false, false, false, false, false, true),
  amount: fc.oneof(
    { weight: 6, arbitrary: fc.bigInt({ min: 0n, max: 300n }) },
    { weight: 1, arbitrary: fc.constantFrom(RICH, 2n ** 53n, 2n ** 60n, U128_MAX) },
  ),
  kind: fc.constantFrom("pay", "pay", "reserve", "reserve", "balance", "post", "post", "void"),
  timeout: fc.constantFrom(0, 1, 3),
  agent: fc.constantFrom(false, false, true),
  back: fc.integer({ min: 1, max: 5 }),
  linked: fc.constantFrom(false, false, false, true),
  idMs: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(0, 0, -1_000, -59_000) },
    { weight: 1, arbitrary: fc.constantFrom(-599_990, 60_000, 60_001, -600_001) },
  ),
});
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

const block = fc.record({
  operations: fc.array(operation, { minLength: 1, maxLength: 8, size: "max" }),
  signer: fc.constantFrom(ALICE, BOB),
  laterMs: fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 1, max: 1_500 }) },
    { weight: 1, arbitrary: fc.constantFrom(60_000, 400_000) },
  ),
  move: fc.option(
    fc.record({
      kind: fc.constantFrom("bond", "slash", "issue"),
      token: fc.constantFrom(1, 3, 4),
      amount: fc.bigInt({ min: 0n, max: 400n }),
    }),
  ),
  rotates: fc.constantFrom(false, false, false, false, true),
  meanwhile: fc.constantFrom("nothing", "nothing", "nothing", "checkpoint", "snapshot"),
});

/** Drawn transfers as they are sent: `sent` are all before them. */
function toTransfer(
  drawn: Operation,
  { sent, nowMs, fromAlice }: { sent: Transfer[]; nowMs: number; fromAlice: boolean },
) {
  const before = sent.at(-drawn.again);
  if (drawn.again > 0 && before !== undefined) return drawn.changed ? { ...before, userData32: drawn.back } : before;
  const { token, amount, timeout, kind } = drawn;
  const parties = fromAlice
    ? { debit: aliceIn(token), credit: bobIn(token) }
    : { debit: bobIn(token), credit: aliceIn(token) };
  const flags = drawn.linked ? linked : 0;
  const words = {
    ...parties,
    amount,
    ledger: token,
    userData64: BigInt(timeout),
    id: idAt(nowMs + drawn.idMs, sent.length + 1),
  };
  const reserved = sent.filter(({ flags }) => (flags & pending) !== 0);
  const pendingId = (drawn.back < 4 ? reserved : sent).at(-drawn.back)?.id ?? 0n;
  const none = { debit: 0n, credit: 0n, ledger: 0, code: 0 };
  const bare: Partial<Transfer> = drawn.agent ? none : {};
  switch (kind) {
    case "pay":
      return payment(0, { ...words, flags, ...drawn.odd });
    case "balance":
      return payment(0, {
        ...words,
        flags: flags | balancingDebit | (timeout === 1 ? balancingCredit : 0),
        ...drawn.odd,
      });
    case "reserve": {
      const helped = drawn.agent ? agent : 0;
      return payment(0, { ...words, timeout, userData128: bobIn(5), flags: flags | pending | helped, ...drawn.odd });
    }
    default: {
      const flag = kind === "post" ? postPending : voidPending;
      const moved = kind === "void" && amount > 30n ? 0n : amount;
      return payment(0, { ...words, ...none, ...bare, amount: moved, pendingId, flags: flags | flag, ...drawn.odd });
    }
  }
}

function startingState(ledger: Ledger): Reference {
  const state: Reference = { accounts: {}, seen: {}, held: {} };
  for (const { id, owner, ledger: token, ...sums } of accountsAfter(ledger, 0n, 1_000)) {
    const { debitsPosted: d, creditsPosted: c } = sums;
    state.accounts[`${id}`] = { owner: owner ?? "", token, dp: 0n, d, cp: 0n, c };
  }
  return state;
}

const rootsOf = (roots: LedgerRoots): string => toHex(accountsRoot(roots)) + toHex(pendingRoot(roots));
function foldedAnew(ledger: Ledger): LedgerRoots {
  const roots = ledgerRoots(ledger);
  beginRoots(roots);
  foldRoots(roots, Number.POSITIVE_INFINITY);
  return roots;
}

function restored(slices: Iterable<Uint8Array>): Ledger {
  const ledger = importLedger(slices);
  if (!ledger.ok) throw new Error(ledger.detail);
  return ledger.value;
}

function* rest(next: () => Uint8Array | undefined): Generator<Uint8Array> {
  for (let slice = next(); slice !== undefined; slice = next()) yield slice;
}

const moveOf = ({ kind, token, amount }: { kind: string; token: number; amount: bigint }): MoveFields => {
  const account = (name: SystemAccount) => systemAccountId(token, name);
  if (kind === "bond") return { kind: "bond", token, debit: aliceIn(token), credit: account("bond"), amount };
  if (kind === "slash") return { kind: "slash", token, debit: account("bond"), credit: account("burn"), amount };
  return { kind: "issue", token, debit: account("issuance"), credit: bobIn(token), amount };
};

test("agrees with the reference on every result, entry and balance, whatever checkpoints and snapshots come between", () => {
  const reached = new Map<string, number>();
  const count = (what: string) => reached.set(what, (reached.get(what) ?? 0) + 1);
  fc.assert(
    fc.property(fc.array(block, { minLength: 5, maxLength: 25, size: "max" }), (blocks) => {
      let ledger = testLedger();
      for (const to of [aliceIn(5), bobIn(5)]) fund(ledger, { to, token: 5, amount: RICH });
      executeBlock(ledger, []);
      let roots = ledgerRoots(ledger);
      let state = startingState(ledger);
      let nowMs = 0;
      const sent: Transfer[] = [];
      for (const [at, { operations, signer, laterMs, move, rotates, meanwhile }] of blocks.entries()) {
        nowMs += laterMs;
        const records = operations.map((drawn) => {
          const transfer = toTransfer(drawn, { sent, nowMs, fromAlice: (signer === ALICE) !== drawn.stranger });
          sent.push(transfer);
          return transfer;
        });
        const expected = referenceBlock(state, { records, signer, nowMs });
        state = expected.state;
        const moves = move === null ? [] : [moveOf(move)];
        const moved = moves.map((fields) => referenceMove(state, expected.entries, fields));

        let wanted = "";
        let next = (): Uint8Array | undefined => undefined;
        // Of a copy, whose tree knows nothing of what was folded before.
        if (meanwhile !== "nothing") wanted = rootsOf(foldedAnew(restored(rest(exportLedger(ledger)))));
        if (meanwhile === "checkpoint") {
          beginRoots(roots);
          foldRoots(roots, at);
        }
        if (meanwhile === "snapshot") next = exportLedger(ledger);
        const first = next();
        const done = executeBlock(ledger, records, { atMs: nowMs, signer, height: at + 2, moves });
        expect(done.results).toEqual(expected.results);
        expect(done.moved).toEqual(moved);
        const entries = done.entries.map(
          ({ position: _position, time: _time, height: _height, ...entry }): Entry => entry,
        );
        expect(entries).toEqual(expected.entries);
        expect(done.entries.map(({ position }) => position)).toEqual(
          done.entries.map((_, index) => done.journal.first + index),
        );
        if (meanwhile === "checkpoint") {
          foldRoots(roots, Number.POSITIVE_INFINITY);
          expect(rootsOf(roots)).toBe(wanted);
        }
        if (first !== undefined) {
          const again = restored([first, ...rest(next)]);
          roots = foldedAnew(again);
          expect(rootsOf(roots)).toBe(wanted);
          expect(executeBlock(again, records, { atMs: nowMs, signer, height: at + 2, moves })).toEqual(done);
          ledger = again;
        }
        if (rotates) {
          const owner = signer === ALICE ? BOB : ALICE;
          setOwner(ledger, aliceIn(1), owner);
          const account = state.accounts[`${aliceIn(1)}`];
          if (account !== undefined) account.owner = owner;
        }
        for (const result of done.results) count(result);
        for (const { kind } of entries) count(kind);
        count(meanwhile);
      }
      for (const { id, owner, ...sums } of accountsAfter(ledger, 0n, 1_000)) {
        const { debitsPending: dp, debitsPosted: d, creditsPending: cp, creditsPosted: c } = sums;
        expect({ id, owner: owner ?? "", token: sums.ledger, dp, d, cp, c }).toEqual({
          id,
          ...state.accounts[`${id}`],
        });
        if (d >= 2n ** 53n || c >= 2n ** 53n) count("wide");
      }
      expect(totalsOf(ledger)).toEqual(recount(ledger));
      for (const totals of Object.values(totalsOf(ledger))) {
        expect(totals.held).toBe(totals.issued - totals.burned);
        expect(totals.debitsPosted).toBe(totals.creditsPosted);
        expect(totals.debitsPending).toBe(totals.creditsPending);
      }
    }),
    { numRuns: 100 },
  );
  // Random input that reaches none of the interesting cases would prove nothing.
  const interesting = ["applied", "exists", "exists_with_different_fields", "linked_event_failed", "exceeds_credits"];
  const resolved = ["post", "void", "expire", "pending_transfer_already_posted", "pending_transfer_expired"];
  const rare = ["token_fee", "bond", "slash", "issue", "id_expired", "id_in_future", "wide", "snapshot", "checkpoint"];
  for (const what of [...interesting, ...resolved, ...rare])
    expect([what, (reached.get(what) ?? 0) > 10]).toEqual([what, true]);
});

test("sums never pass 128 bits", () => {
  const ledger = testLedger();
  const most = U128_MAX - 5n * FUNDS;
  fund(ledger, { to: aliceIn(1), token: 1, amount: most });
  const pay = (serial: number, amount: bigint) => executeBlock(ledger, [payment(serial, { amount })]).results;
  expect(pay(1, U128_MAX)).toEqual(["exceeds_credits"]);
  expect(pay(2, most)).toEqual(["applied"]);
  const back = { debit: bobIn(1), credit: aliceIn(1) };
  const results = (serial: number, amount: bigint): RecordResult[] =>
    executeBlock(ledger, [payment(serial, { ...back, amount })], { signer: BOB }).results;
  expect(results(3, most)).toEqual(["overflows_credits"]);
  expect(results(4, 4n * FUNDS)).toEqual(["applied"]);
});
