import { assert } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import type { Nanos } from "../base/units.ts";
import { type Transfer, U128_MAX } from "../codec/transfer.ts";
import type { Account, Sum } from "./account.ts";
import type { JournalEntry } from "./journal.ts";
import { compareBigints, type Timers, timers } from "./timers.ts";

/** The whole ledger of one chain, in memory. Changed only through the functions of this room. */
export type Ledger = {
  readonly accounts: Map<bigint, Account>;
  /** Every transfer ever applied, by id. */
  readonly transfers: Map<bigint, AppliedTransfer>;
  /** Two-phase transfers that are neither posted nor voided nor expired. */
  readonly pending: Map<bigint, PendingTransfer>;
  /** What became of those that clients resolved; a pending transfer in neither map has expired. */
  readonly resolutions: Map<bigint, Resolution>;
  readonly timers: Timers<bigint>;
  readonly journal: JournalEntry[];
  /** Steps that undo the linked chain under way; undefined outside of one. */
  undo: (() => void)[] | undefined;
  /** What changed since `takeChanges`. */
  changes: Changes;
  sortedIds: readonly bigint[] | undefined;
};

export type Resolution = "posted" | "voided";

export type AppliedTransfer = {
  /** As the client sent it, with the block time as its timestamp. */
  readonly record: Transfer;
  readonly height: number;
  /** The accounts and the amount really moved or reserved: post and void take theirs from the pending transfer. */
  readonly debit: bigint;
  readonly credit: bigint;
  readonly ledger: number;
  readonly code: number;
  readonly amount: bigint;
};

export type PendingTransfer = AppliedTransfer & {
  /** Block time from which it is void; undefined: never. */
  readonly expiresAt: Nanos | undefined;
  /** A second key that may post or void it (flag `agent`). */
  readonly agent: Hex | undefined;
};

export type Changes = {
  readonly accounts: Set<bigint>;
  readonly pending: Set<bigint>;
  readonly applied: AppliedTransfer[];
};

/** What one block gives to each of its records. */
export type Moment = {
  readonly height: number;
  readonly time: Nanos;
  /** Key that signed the batch. */
  readonly signer: Hex;
};

const noChanges = (): Changes => ({ accounts: new Set(), pending: new Set(), applied: [] });

export const createLedger = (): Ledger => ({
  accounts: new Map(),
  transfers: new Map(),
  pending: new Map(),
  resolutions: new Map(),
  timers: timers(compareBigints),
  journal: [],
  undo: undefined,
  changes: noChanges(),
  sortedIds: undefined,
});

/** Hands over what changed since the last call and starts anew. */
export function takeChanges(ledger: Ledger): Changes {
  const { changes } = ledger;
  ledger.changes = noChanges();
  return changes;
}

/** Notes how to take a step back, if a linked chain is under way. */
export const remember = (ledger: Ledger, back: () => void): void => {
  ledger.undo?.push(back);
};

export function addAccount(ledger: Ledger, account: Account): void {
  assert(!ledger.accounts.has(account.id), "account is new");
  ledger.accounts.set(account.id, account);
  ledger.sortedIds = undefined;
  ledger.changes.accounts.add(account.id);
  remember(ledger, () => {
    ledger.accounts.delete(account.id);
    ledger.sortedIds = undefined;
  });
}

export type Leg = { readonly account: Account; readonly sum: Sum; readonly change: bigint };

/** Books all legs or fails the program: debits equal credits, in the posted sums and in the pending ones. */
export function book(ledger: Ledger, legs: readonly Leg[]): void {
  const total = (sum: Sum) => legs.reduce((all, leg) => (leg.sum === sum ? all + leg.change : all), 0n);
  assert(total("debitsPosted") === total("creditsPosted"), "posted debits equal posted credits");
  assert(total("debitsPending") === total("creditsPending"), "pending debits equal pending credits");
  for (const { account, sum, change } of legs) {
    assert(account.ledger === legs[0]?.account.ledger, "legs are of one token");
    const before = account[sum];
    const after = before + change;
    assert(after >= 0n && after <= U128_MAX, "sums of an account fit 128 bits");
    account[sum] = after;
    ledger.changes.accounts.add(account.id);
    remember(ledger, () => {
      account[sum] = before;
    });
  }
}

export function addTransfer(ledger: Ledger, transfer: AppliedTransfer): void {
  const { id } = transfer.record;
  assert(!ledger.transfers.has(id), "transfer is new");
  ledger.transfers.set(id, transfer);
  ledger.changes.applied.push(transfer);
  remember(ledger, () => {
    ledger.transfers.delete(id);
    ledger.changes.applied.pop();
  });
}

export function addPending(ledger: Ledger, pending: PendingTransfer): void {
  const { id } = pending.record;
  assert(!ledger.pending.has(id), "pending transfer is new");
  ledger.pending.set(id, pending);
  ledger.changes.pending.add(id);
  // A timer is never taken back: when it fires, `expire` looks whether it still means something.
  if (pending.expiresAt !== undefined) ledger.timers.set(pending.expiresAt, id);
  remember(ledger, () => ledger.pending.delete(id));
}

/** Takes it out of the pending ones: resolved by a client or, without a resolution, expired. */
export function removePending(ledger: Ledger, id: bigint, resolution: Resolution | undefined): void {
  const pending = ledger.pending.get(id);
  assert(pending !== undefined, "pending transfer is there");
  ledger.pending.delete(id);
  if (resolution !== undefined) ledger.resolutions.set(id, resolution);
  ledger.changes.pending.add(id);
  remember(ledger, () => {
    ledger.pending.set(id, pending);
    ledger.resolutions.delete(id);
  });
}

export const accountOf = (ledger: Ledger, id: bigint): Account | undefined => ledger.accounts.get(id);

/** At most `limit` accounts with ids after `afterId`, by id. */
export function accountsAfter(ledger: Ledger, afterId: bigint, limit: number): Account[] {
  ledger.sortedIds ??= [...ledger.accounts.keys()].toSorted(compareBigints);
  const ids = ledger.sortedIds;
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ids[middle] ?? 0n) <= afterId) low = middle + 1;
    else high = middle;
  }
  return ids.slice(low, low + limit).flatMap((id) => ledger.accounts.get(id) ?? []);
}

/** Ids carry their time in the upper 48 bits. */
export const idMillis = (id: bigint): bigint => id >> 80n;
export const ID_WINDOW_MS = 600_000n;
export const ID_FUTURE_MS = 60_000n;
export const blockMillis = (time: Nanos): bigint => time / 1_000_000n;

/** Whether execution still remembers an id of that time: beyond the window nothing may depend on it. */
export const inWindow = (id: bigint, time: Nanos): boolean => idMillis(id) + ID_WINDOW_MS >= blockMillis(time);
