import { assert } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import type { Nanos } from "../base/units.ts";
import { accountFlags } from "../codec/account.ts";
import { creditFault, debitFault, openAccount } from "./account.ts";
import type { ResultCode } from "./codes.ts";
import { record } from "./journal.ts";
import { addAccount, book, type Ledger, type Moment } from "./ledger.ts";

/** What the system moves tokens for; each is a kind of journal entry. */
export type SystemMoveKind =
  | "bond"
  | "unbond"
  | "unbonded"
  | "slash"
  | "convert_burn"
  | "convert_issue"
  | "pool_burn"
  | "pool_issue";

export type SystemMove = {
  readonly kind: SystemMoveKind;
  /** What caused it: stands in the journal. */
  readonly id: bigint;
  readonly ledger: number;
  readonly debit: bigint;
  readonly credit: bigint;
  readonly amount: bigint;
};

/**
 * Moves an amount between any two accounts of a token, the system's own included, or says why not. Nobody signs for it:
 * the caller has checked who may. An account's limits hold, so that nothing but issuance goes below zero.
 */
export function systemMove(
  ledger: Ledger,
  { kind, id, ledger: token, debit, credit, amount }: SystemMove,
  { height, time }: Pick<Moment, "height" | "time">,
): "applied" | ResultCode {
  const payer = ledger.accounts.get(debit);
  if (payer === undefined) return "debit_account_not_found";
  const payee = ledger.accounts.get(credit);
  if (payee === undefined) return "credit_account_not_found";
  if (payer === payee) return "accounts_must_be_different";
  if (payer.ledger !== token || payee.ledger !== token) return "transfer_must_have_the_same_ledger_as_accounts";
  const fault = debitFault(payer, amount) ?? creditFault(payee, amount);
  if (fault !== undefined) return fault;
  book(ledger, [
    { account: payer, sum: "debitsPosted", change: amount },
    { account: payee, sum: "creditsPosted", change: amount },
  ]);
  record(ledger, { kind, id, height, time, debit, credit, amount, ledger: token });
  return "applied";
}

/** Gives an account to another key. Who may ask for it is the caller's question. */
export function setOwner(ledger: Ledger, accountId: bigint, key: Hex): "applied" | ResultCode {
  const account = ledger.accounts.get(accountId);
  assert(account?.owner !== undefined, "an account with an owner gets another one");
  ledger.accounts.set(accountId, { ...account, owner: key });
  ledger.changes.accounts.add(accountId);
  return "applied";
}

/** Opens an account without a fee: those that belong to a validator's owner. */
export function openSystemAccount(
  ledger: Ledger,
  { id, owner, token, code, createdAt }: { id: bigint; owner: Hex; token: number; code: number; createdAt: Nanos },
): void {
  const flags = accountFlags.debitsMustNotExceedCredits;
  addAccount(ledger, openAccount({ id, owner, ledger: token, code, flags, createdAt }));
}
