import { assert } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import type { Nanos } from "../base/units.ts";
import { accountFlags } from "../codec/account.ts";
import { U128_MAX } from "../codec/transfer.ts";
import { newAccount } from "./account.ts";
import { findAccountId, ownerOf, SUM, tokenOf, writeOwner } from "./accounts.ts";
import type { ResultCode } from "./codes.ts";
import { record } from "./journal.ts";
import { book, type Ledger, openAccount } from "./ledger.ts";
import { creditFault, debitFault } from "./limits.ts";
import { hasRoomForOwner, NOBODY, ownerNumber } from "./owners.ts";
import type { SystemMoveKind } from "./system-kinds.ts";
import { systemAccountId } from "./tokens.ts";

export type { SystemMoveKind } from "./system-kinds.ts";

export type SystemMove = {
  readonly kind: SystemMoveKind;
  /** What the journal names as its cause. The caller sees to it that nothing is moved twice for one cause. */
  readonly id: bigint;
  /** The token. */
  readonly ledger: number;
  readonly debit: bigint;
  readonly credit: bigint;
  /** In the token's smallest unit. */
  readonly amount: bigint;
};

/**
 * Moves an amount between any two accounts of a token, the system's included, whoever owns them. Limits hold: issuance
 * alone goes below zero. Nothing has changed unless it answers `applied`.
 */
export function systemMove(
  ledger: Ledger,
  { kind, id, ledger: token, debit, credit, amount }: SystemMove,
): "applied" | ResultCode {
  assert(amount >= 0n && amount <= U128_MAX, "amount of a move fits 128 bits");
  const { accounts } = ledger;
  const payer = findAccountId(accounts, debit);
  if (payer === -1) return "debit_account_not_found";
  const payee = findAccountId(accounts, credit);
  if (payee === -1) return "credit_account_not_found";
  if (payer === payee) return "accounts_must_be_different";
  if (tokenOf(accounts, payer) !== tokenOf(accounts, payee)) return "accounts_must_have_the_same_ledger";
  if (tokenOf(accounts, payer) !== token) return "transfer_must_have_the_same_ledger_as_accounts";
  const fault = debitFault(accounts, payer, amount) ?? creditFault(accounts, payee, amount);
  if (fault !== undefined) return fault;
  book(ledger, [
    { account: payer, sum: SUM.debitsPosted, change: amount },
    { account: payee, sum: SUM.creditsPosted, change: amount },
  ]);
  record(ledger.journal, { kind, id, debit, credit, amount, ledger: token });
  return "applied";
}

/** Gives an account another key, for good: the caller has checked both signatures. The system's own have none. */
export function setOwner(ledger: Ledger, accountId: bigint, key: Hex): "applied" | ResultCode {
  assert(!ledger.undo.active, "owners do not change within a chain of records");
  const account = findAccountId(ledger.accounts, accountId);
  if (account === -1) return "account_not_found";
  if (ownerOf(ledger.accounts, account) === NOBODY) return "id_reserved_for_system";
  if (!hasRoomForOwner(ledger.owners)) return "accounts_exhausted";
  writeOwner(ledger.accounts, account, ownerNumber(ledger.owners, key));
  return "applied";
}

/** Opens an account without a fee: those of genesis, and those that belong to a validator's owner. */
export function openSystemAccount(
  ledger: Ledger,
  {
    id,
    owner,
    token,
    code,
    createdAt,
  }: { id: bigint; owner: Hex | undefined; token: number; code: number; createdAt: Nanos },
): void {
  const flags =
    id === systemAccountId(token, "issuance")
      ? accountFlags.creditsMustNotExceedDebits
      : accountFlags.debitsMustNotExceedCredits;
  openAccount(ledger, newAccount({ id, owner, ledger: token, code, flags, createdAt }));
}
