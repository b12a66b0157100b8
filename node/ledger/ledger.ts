import { assert } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import type { Nanos } from "../base/units.ts";
import { U128_MAX } from "../codec/transfer.ts";
import type { Account } from "./account.ts";
import { type AccountOrder, accountOrder } from "./account-order.ts";
import {
  type Accounts,
  appendAccount,
  createAccounts,
  findAccountId,
  readAccount,
  SUM,
  sumOf,
  tokenOf,
  writeSum,
} from "./accounts.ts";
import { newScouted, type Scouted } from "./batch-scout.ts";
import { createJournal, type Journal } from "./journal.ts";
import {
  addId,
  createKnownIds,
  findId,
  type KnownIds,
  mark,
  millisAt,
  minuteOf,
  openMinute,
  stateAt,
} from "./known-ids.ts";
import { mixKeys } from "./mix.ts";
import { createOwners, type Owners, ownerNumber } from "./owners.ts";
import {
  addPending as addRow,
  createPending,
  removePending as freeRow,
  type PendingTable,
  type PendingTransfer,
} from "./pending.ts";
import { count, type RunningTotals, runningTotals } from "./running-totals.ts";
import type { SnapshotReader } from "./snapshot-export.ts";
import { type SystemAccount, systemAccountId } from "./tokens.ts";
import {
  rememberAccount,
  rememberId,
  rememberMark,
  rememberOwners,
  rememberPending,
  rememberRow,
  rememberSum,
  type UndoLog,
  undoLog,
} from "./undo.ts";
import { assertLittleEndian } from "./words.ts";

/** The whole ledger of one chain, in typed arrays. Changed only through the functions of this room. */
export type Ledger = {
  readonly owners: Owners;
  readonly accounts: Accounts;
  readonly pending: PendingTable;
  readonly ids: KnownIds;
  readonly totals: RunningTotals;
  readonly journal: Journal;
  readonly undo: UndoLog;
  readonly order: AccountOrder;
  /** Of the batch under way. */
  readonly scouted: Scouted;
  /** The snapshot under way, if any. */
  snapshot: SnapshotReader | undefined;
};

/** What one block gives to each of its records. */
export type Moment = {
  readonly height: number;
  readonly time: Nanos;
  /** Key that signed the batch. */
  readonly signer: Hex;
};

/**
 * A ledger without accounts, and with so many journal entries behind it. `seed` spreads the tables'
 * hashes: where it is a secret, nobody can choose ids that slow thelook-ups down.
 */
export function createLedger(seed: number, entries = 0): Ledger {
  assertLittleEndian();
  const keys = mixKeys(seed);
  return {
    owners: createOwners(keys),
    accounts: createAccounts(keys),
    pending: createPending(keys),
    ids: createKnownIds(keys),
    totals: runningTotals(),
    journal: createJournal(entries),
    undo: undoLog(),
    order: accountOrder(),
    scouted: newScouted(),
    snapshot: undefined,
  };
}

/** Adds an account, which has no sums yet, and answers its number. */
export function openAccount(ledger: Ledger, account: Account): number {
  rememberOwners(ledger);
  const number = appendAccount(ledger.accounts, account, ownerNumber(ledger.owners, account.owner));
  rememberAccount(ledger, number);
  return number;
}

/** An amount by which one sum of an account changes; accounts by number, sums by place. */
export type Leg = { readonly account: number; readonly sum: number; readonly change: bigint };

/** Books all legs or fails the program: debits equal credits, in the posted sums and in the pending ones. */
export function book(ledger: Ledger, legs: readonly Leg[]): void {
  const { accounts, totals } = ledger;
  const total = (sum: number) => legs.reduce((all, leg) => (leg.sum === sum ? all + leg.change : all), 0n);
  assert(total(SUM.debitsPosted) === total(SUM.creditsPosted), "posted debits equal posted credits");
  assert(total(SUM.debitsPending) === total(SUM.creditsPending), "pending debits equal pending credits");
  const [first] = legs;
  const token = first === undefined ? 0 : tokenOf(accounts, first.account);
  for (const { account, sum, change } of legs) {
    assert(tokenOf(accounts, account) === token, "legs are of one token");
    const after = sumOf(accounts, account, sum) + change;
    assert(after >= 0n && after <= U128_MAX, "sums of an account fit 128 bits");
    rememberSum(ledger, account, sum);
    writeSum(accounts, account, sum, after);
    count(totals, token, sum, change);
  }
}

/** Remembers the id at `at` with the fingerprint under way, so that a repeat is known. */
export function rememberTransfer(ledger: Ledger, words: Int32Array, at: number): void {
  addId(ledger.ids, words, at);
  rememberId(ledger, minuteOf(millisAt(words, at)));
}

/** Notes what became of the transfer whose id stands at `at`; one that has left the window needs no note. */
export function markId(ledger: Ledger, words: Int32Array, at: number, state: number): void {
  const entry = findId(ledger.ids, words, at);
  if (entry === -1) return;
  const minute = openMinute(ledger.ids, minuteOf(millisAt(words, at)));
  rememberMark(ledger, minute.minute, stateAt(minute, entry));
  mark(minute, entry, state);
}

export const addPending = (ledger: Ledger, transfer: PendingTransfer): void =>
  rememberPending(ledger, addRow(ledger.pending, transfer));

export function removePending(ledger: Ledger, row: number): void {
  rememberRow(ledger, row);
  freeRow(ledger.pending, row);
}

/** The account with that id, as it stands. */
export function accountOf(ledger: Ledger, id: bigint): Account | undefined {
  const account = findAccountId(ledger.accounts, id);
  return account === -1 ? undefined : readAccount(ledger.accounts, ledger.owners, account);
}

/** Number of a system account, which every ledger has. */
export function systemAccount(ledger: Ledger, token: number, name: SystemAccount): number {
  const account = findAccountId(ledger.accounts, systemAccountId(token, name));
  assert(account !== -1, "system account is there");
  return account;
}
