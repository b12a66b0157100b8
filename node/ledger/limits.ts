import { accountFlags } from "../codec/account.ts";
import { U128_MAX } from "../codec/transfer.ts";
import { has } from "./account.ts";
import { type Accounts, flagsOf, SUM, sumOf } from "./accounts.ts";
import type { ResultCode } from "./codes.ts";

const debits = (accounts: Accounts, account: number): bigint =>
  sumOf(accounts, account, SUM.debitsPending) + sumOf(accounts, account, SUM.debitsPosted);
const credits = (accounts: Accounts, account: number): bigint =>
  sumOf(accounts, account, SUM.creditsPending) + sumOf(accounts, account, SUM.creditsPosted);

/** What may still be debited under the account's limit; without one there is no bound but the 128 bits. */
export function debitable(accounts: Accounts, account: number): bigint {
  if (!has(flagsOf(accounts, account), accountFlags.debitsMustNotExceedCredits))
    return U128_MAX - debits(accounts, account);
  const free = sumOf(accounts, account, SUM.creditsPosted) - debits(accounts, account);
  return free > 0n ? free : 0n;
}

/** What may still be credited under the account's limit. */
export function creditable(accounts: Accounts, account: number): bigint {
  if (!has(flagsOf(accounts, account), accountFlags.creditsMustNotExceedDebits))
    return U128_MAX - credits(accounts, account);
  const free = sumOf(accounts, account, SUM.debitsPosted) - credits(accounts, account);
  return free > 0n ? free : 0n;
}

/** Why `amount` cannot be debited, if it cannot. */
export function debitFault(accounts: Accounts, account: number, amount: bigint): ResultCode | undefined {
  if (debits(accounts, account) + amount > U128_MAX) return "overflows_debits";
  return amount > debitable(accounts, account) ? "exceeds_credits" : undefined;
}

export function creditFault(accounts: Accounts, account: number, amount: bigint): ResultCode | undefined {
  if (credits(accounts, account) + amount > U128_MAX) return "overflows_credits";
  return amount > creditable(accounts, account) ? "exceeds_debits" : undefined;
}
