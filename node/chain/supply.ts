import { present } from "../base/assert.ts";
import { U128_MAX } from "../codec/transfer.ts";
import type { Account } from "../ledger/account.ts";
import { accountOf, type Ledger } from "../ledger/ledger.ts";
import { type SystemAccount, systemAccountId } from "../ledger/tokens.ts";

/** Most of each token that may exist at a time, by ledger. */
export type SupplyCaps = ReadonlyMap<number, bigint>;

/** How much may still be issued: up to the cap on what exists, and no further than the issuance account's sums reach. */
export function issuable(ledger: Ledger, token: number, caps: SupplyCaps): bigint {
  const issuance = systemAccount(ledger, token, "issuance");
  const burn = systemAccount(ledger, token, "burn");
  const held = issuance.debitsPosted - issuance.creditsPosted - (burn.creditsPosted - burn.debitsPosted);
  const cap = present(caps.get(token), "every token has a cap") - held;
  const room = U128_MAX - issuance.debitsPosted;
  if (cap <= 0n) return 0n;
  if (room < cap) return room;
  return cap;
}

/** All of these accounts may be debited up to what they hold. */
export const spendable = ({ creditsPosted, debitsPosted, debitsPending }: Readonly<Account>): bigint =>
  creditsPosted - debitsPosted - debitsPending;

export const creditable = ({ creditsPosted, creditsPending }: Readonly<Account>): bigint =>
  U128_MAX - creditsPosted - creditsPending;

export const systemAccount = (ledger: Ledger, token: number, name: SystemAccount): Account =>
  present(accountOf(ledger, systemAccountId(token, name)), "a system account is there");
