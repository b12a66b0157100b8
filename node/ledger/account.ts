import type { Hex } from "../base/bytes.ts";
import type { Nanos } from "../base/units.ts";
import { accountFlags } from "../codec/account.ts";
import { U128_MAX } from "../codec/transfer.ts";
import type { ResultCode } from "./codes.ts";

/** One account of the double-entry ledger. Only `book` changes the four sums. */
export type Account = {
  readonly id: bigint;
  /** Key whose signature debits it; undefined for the accounts that only the system moves. */
  readonly owner: Hex | undefined;
  readonly ledger: number;
  readonly code: number;
  readonly flags: number;
  readonly userData128: bigint;
  readonly userData64: bigint;
  readonly userData32: number;
  /** Block time of its creation. */
  readonly createdAt: Nanos;
  debitsPending: bigint;
  debitsPosted: bigint;
  creditsPending: bigint;
  creditsPosted: bigint;
};

export type Sum = "debitsPending" | "debitsPosted" | "creditsPending" | "creditsPosted";

export const has = (flags: number, flag: number): boolean => (flags & flag) !== 0;

export const openAccount = (
  fields: Pick<Account, "id" | "owner" | "ledger" | "code" | "flags" | "createdAt"> &
    Partial<Pick<Account, "userData128" | "userData64" | "userData32">>,
): Account => ({
  userData128: 0n,
  userData64: 0n,
  userData32: 0,
  ...fields,
  debitsPending: 0n,
  debitsPosted: 0n,
  creditsPending: 0n,
  creditsPosted: 0n,
});

/** What may still be debited under the account's limit; without one there is no bound but the 128 bits. */
export function debitable(account: Account): bigint {
  const debits = account.debitsPosted + account.debitsPending;
  if (!has(account.flags, accountFlags.debitsMustNotExceedCredits)) return U128_MAX - debits;
  return account.creditsPosted > debits ? account.creditsPosted - debits : 0n;
}

/** What may still be credited under the account's limit. */
export function creditable(account: Account): bigint {
  const credits = account.creditsPosted + account.creditsPending;
  if (!has(account.flags, accountFlags.creditsMustNotExceedDebits)) return U128_MAX - credits;
  return account.debitsPosted > credits ? account.debitsPosted - credits : 0n;
}

/** Why `amount` cannot be debited, if it cannot. */
export function debitFault(account: Account, amount: bigint): ResultCode | undefined {
  if (account.debitsPosted + account.debitsPending + amount > U128_MAX) return "overflows_debits";
  return amount > debitable(account) ? "exceeds_credits" : undefined;
}

export function creditFault(account: Account, amount: bigint): ResultCode | undefined {
  if (account.creditsPosted + account.creditsPending + amount > U128_MAX) return "overflows_credits";
  return amount > creditable(account) ? "exceeds_debits" : undefined;
}
