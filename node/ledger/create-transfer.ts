import { present } from "../base/assert.ts";
import { type Nanos, nanos } from "../base/units.ts";
import { type Transfer, transferFlags, U128_MAX } from "../codec/transfer.ts";
import { type Account, creditable, creditFault, debitable, debitFault, has } from "./account.ts";
import type { RecordResult, ResultCode } from "./codes.ts";
import { differsFrom } from "./exists.ts";
import { record } from "./journal.ts";
import {
  addPending,
  addTransfer,
  blockMillis,
  book,
  ID_FUTURE_MS,
  idMillis,
  inWindow,
  type Ledger,
  type Moment,
} from "./ledger.ts";
import { resolvePending } from "./resolve-pending.ts";
import { compareBigints } from "./timers.ts";
import { feeOf, isTransferable, systemAccountId, TOKENS } from "./tokens.ts";

const KNOWN_FLAGS = Object.values(transferFlags).reduce((all, flag) => all | flag, 0);

/** Applies one transfer or says why not; nothing has changed unless it answers `applied`. */
export function createTransfer(ledger: Ledger, transfer: Transfer, moment: Moment): RecordResult {
  const malformed = formFault(transfer);
  if (malformed !== undefined) return malformed;
  // Beyond the window even a known id answers `id_expired`: a node that has forgotten it must decide alike.
  if (!inWindow(transfer.id, moment.time)) return "id_expired";
  const known = ledger.transfers.get(transfer.id);
  if (known !== undefined) return differsFrom(known.record, transfer) ?? "exists";
  if (idMillis(transfer.id) > blockMillis(moment.time) + ID_FUTURE_MS) return "id_in_future";
  if (flagsExclude(transfer.flags)) return "flags_are_mutually_exclusive";
  if (has(transfer.flags, transferFlags.agent) && !has(transfer.flags, transferFlags.pending))
    return "agent_reserved_for_pending_transfer";
  return has(transfer.flags, transferFlags.postPending | transferFlags.voidPending)
    ? resolvePending(ledger, transfer, moment)
    : createNew(ledger, transfer, moment);
}

function formFault(transfer: Transfer): ResultCode | undefined {
  if (transfer.timestamp !== 0n) return "timestamp_must_be_zero";
  if ((transfer.flags & ~KNOWN_FLAGS) !== 0) return "reserved_flag";
  if (transfer.id === 0n) return "id_must_not_be_zero";
  if (transfer.id === U128_MAX) return "id_must_not_be_int_max";
  return undefined;
}

function flagsExclude(flags: number): boolean {
  const { pending, postPending, voidPending, balancingDebit, balancingCredit } = transferFlags;
  if (has(flags, postPending)) return has(flags, pending | voidPending | balancingDebit | balancingCredit);
  return has(flags, voidPending) && has(flags, pending | balancingDebit | balancingCredit);
}

function createNew(ledger: Ledger, transfer: Transfer, moment: Moment): RecordResult {
  const malformed = newFault(transfer);
  if (malformed !== undefined) return malformed;
  const payer = ledger.accounts.get(transfer.debit);
  if (payer === undefined) return "debit_account_not_found";
  const payee = ledger.accounts.get(transfer.credit);
  if (payee === undefined) return "credit_account_not_found";
  const refused = accountsFault({ transfer, payer, payee, moment });
  if (refused !== undefined) return refused;

  const amount = balancedAmount({ transfer, payer, payee });
  const fault = debitFault(payer, amount) ?? creditFault(payee, amount);
  if (fault !== undefined) return fault;
  const feeAccount = present(ledger.accounts.get(systemAccountId(payer.ledger, "fee")), "fee account is there");
  if (creditFault(feeAccount, feeOf(payer.ledger, amount)) !== undefined) return "overflows_credits";

  const applied = {
    record: { ...transfer, timestamp: moment.time },
    height: moment.height,
    debit: payer.id,
    credit: payee.id,
    ledger: payer.ledger,
    code: transfer.code,
    amount,
  };
  addTransfer(ledger, applied);
  if (has(transfer.flags, transferFlags.pending)) {
    book(ledger, [
      { account: payer, sum: "debitsPending", change: amount },
      { account: payee, sum: "creditsPending", change: amount },
    ]);
    const agent = has(transfer.flags, transferFlags.agent)
      ? ledger.accounts.get(transfer.userData128)?.owner
      : undefined;
    addPending(ledger, { ...applied, expiresAt: expiryOf(transfer, moment.time), agent });
    record(ledger, { ...transfer, height: moment.height, time: moment.time, kind: "pending", amount });
    return "applied";
  }
  const fee = feeOf(payer.ledger, amount);
  book(ledger, [
    { account: payer, sum: "debitsPosted", change: amount },
    { account: payee, sum: "creditsPosted", change: amount - fee },
    { account: feeAccount, sum: "creditsPosted", change: fee },
  ]);
  const entry = { ...transfer, height: moment.height, time: moment.time };
  record(ledger, { ...entry, kind: "transfer", amount: amount - fee });
  if (fee > 0n) record(ledger, { ...entry, kind: "token_fee", credit: feeAccount.id, amount: fee });
  return "applied";
}

function newFault(transfer: Transfer): ResultCode | undefined {
  if (transfer.debit === 0n) return "debit_account_id_must_not_be_zero";
  if (transfer.debit === U128_MAX) return "debit_account_id_must_not_be_int_max";
  if (transfer.credit === 0n) return "credit_account_id_must_not_be_zero";
  if (transfer.credit === U128_MAX) return "credit_account_id_must_not_be_int_max";
  if (transfer.debit === transfer.credit) return "accounts_must_be_different";
  if (transfer.pendingId !== 0n) return "pending_id_must_be_zero";
  if (transfer.timeout !== 0 && !has(transfer.flags, transferFlags.pending))
    return "timeout_reserved_for_pending_transfer";
  if (transfer.ledger === 0) return "ledger_must_not_be_zero";
  return transfer.code === 0 ? "code_must_not_be_zero" : undefined;
}

/** Who may move what: the token's rules and the payer's signature. */
function accountsFault({
  transfer,
  payer,
  payee,
  moment,
}: {
  transfer: Transfer;
  payer: Account;
  payee: Account;
  moment: Moment;
}): ResultCode | undefined {
  if (payer.ledger !== payee.ledger) return "accounts_must_have_the_same_ledger";
  if (transfer.ledger !== payer.ledger) return "transfer_must_have_the_same_ledger_as_accounts";
  if (payer.owner !== moment.signer) return "signer_not_owner";
  if (payee.id === systemAccountId(TOKENS.ATR, "bond")) return "bonding_not_supported_yet";
  if (payee.owner === undefined) return "credit_account_moved_by_system_only";
  return isTransferable(payer.ledger) ? undefined : "token_not_transferable";
}

/** With a balancing flag the amount is an upper bound: no more than the account's limit leaves room for. */
function balancedAmount({ transfer, payer, payee }: { transfer: Transfer; payer: Account; payee: Account }): bigint {
  const bounds = [transfer.amount];
  if (has(transfer.flags, transferFlags.balancingDebit)) bounds.push(debitable(payer));
  if (has(transfer.flags, transferFlags.balancingCredit)) bounds.push(creditable(payee));
  return present(bounds.toSorted(compareBigints)[0], "the sent amount is a bound");
}

const expiryOf = (transfer: Transfer, time: Nanos): Nanos | undefined =>
  transfer.timeout === 0 ? undefined : nanos(time + BigInt(transfer.timeout) * 1_000_000_000n);
