import { idOf, SUM, tokenOf } from "./accounts.ts";
import { type NewEntry, record } from "./journal.ts";
import { book, type Ledger, type Leg, systemAccount } from "./ledger.ts";
import { creditFault } from "./limits.ts";

/** What a payment takes from the payer: `fee` is the part of `amount` that the token's fee account gets. */
type Amounts = { readonly amount: bigint; readonly fee: bigint };

export const feeFault = (ledger: Ledger, token: number, fee: bigint): boolean =>
  fee > 0n && creditFault(ledger.accounts, systemAccount(ledger, token, "fee"), fee) !== undefined;

/** Moves the amount between the posted sums of two accounts, by number. */
export function bookPayment(
  ledger: Ledger,
  { payer, payee, amount, fee }: Amounts & { readonly payer: number; readonly payee: number },
): void {
  const legs: Leg[] = [
    { account: payer, sum: SUM.debitsPosted, change: amount },
    { account: payee, sum: SUM.creditsPosted, change: amount - fee },
  ];
  if (fee > 0n) {
    const account = systemAccount(ledger, tokenOf(ledger.accounts, payer), "fee");
    legs.push({ account, sum: SUM.creditsPosted, change: fee });
  }
  book(ledger, legs);
}

/** A fee is an entry of its own, so that `amount` is always what really arrives. */
export function recordPayment(ledger: Ledger, entry: Omit<NewEntry, "amount">, { amount, fee }: Amounts): void {
  record(ledger.journal, { ...entry, amount: amount - fee });
  if (fee === 0n) return;
  const feeAccount = systemAccount(ledger, entry.ledger, "fee");
  record(ledger.journal, { ...entry, kind: "token_fee", credit: idOf(ledger.accounts, feeAccount), amount: fee });
}
