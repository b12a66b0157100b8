import { readTransfer, TRANSFER_BYTES, type Transfer, transferFlags, U128_MAX } from "../codec/transfer.ts";
import { has } from "./account.ts";
import { findAccount, findAccountId, ownerOf, SUM, tokenOf } from "./accounts.ts";
import { numberOf, type RecordResult, type ResultCode } from "./codes.ts";
import type { TransferBatch } from "./execute-transfers.ts";
import { countPlain, record } from "./journal.ts";
import { findId, hasPrint, ID_FUTURE_MS, IdState, inWindow, millisAt, minuteOf, openMinute } from "./known-ids.ts";
import { addPending, book, type Ledger, markId, rememberTransfer } from "./ledger.ts";
import { creditable, creditFault, debitable, debitFault } from "./limits.ts";
import { mixTransfer } from "./mix.ts";
import { NOBODY } from "./owners.ts";
import { bookPayment, feeFault, recordPayment } from "./payment.ts";
import { PENDING_MAX } from "./pending.ts";
import { resolvePending } from "./resolve-pending.ts";
import { feeOf, isTransferable } from "./tokens.ts";
import { RECORD_WORDS, Word } from "./transfer-words.ts";

const KNOWN_FLAGS = Object.values(transferFlags).reduce((all, flag) => all | flag, 0);
const BALANCING = transferFlags.balancingDebit | transferFlags.balancingCredit;

/** One record of a batch with all that its rules ask for. */
export type TransferCall = TransferBatch & {
  readonly transfer: Transfer;
  /** Its first word in the batch. */
  readonly at: number;
};

/** Applies one record of a batch or says why not; nothing has changed unless it answers `applied`. */
export function createTransfer(ledger: Ledger, batch: TransferBatch, index: number): number {
  const { payload } = batch;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const transfer = readTransfer(view, index * TRANSFER_BYTES);
  ledger.journal.record = index;
  return numberOf(applyTransfer(ledger, { ...batch, transfer, at: index * RECORD_WORDS }));
}

function applyTransfer(ledger: Ledger, call: TransferCall): RecordResult {
  const { transfer, words, at, nowMs } = call;
  const { ids } = ledger;
  const malformed = formFault(transfer);
  if (malformed !== undefined) return malformed;
  const idMs = millisAt(words, at);
  // Beyond the window even a known id answers `id_expired`: a node that has forgotten it must decide alike.
  if (!inWindow(idMs, nowMs)) return "id_expired";
  mixTransfer(words, at, ids.print);
  const known = findId(ids, words, at);
  if (known !== -1)
    return hasPrint(ids, openMinute(ids, minuteOf(idMs)), known) ? "exists" : "exists_with_different_fields";
  if (idMs > nowMs + ID_FUTURE_MS) return "id_in_future";
  if (flagsExclude(transfer.flags)) return "flags_are_mutually_exclusive";
  if (has(transfer.flags, transferFlags.agent) && !has(transfer.flags, transferFlags.pending))
    return "agent_reserved_for_pending_transfer";
  return has(transfer.flags, transferFlags.postPending | transferFlags.voidPending)
    ? resolvePending(ledger, call)
    : createNew(ledger, call);
}

function formFault(transfer: Transfer): ResultCode | undefined {
  if (transfer.timestamp !== 0n) return "timestamp_must_be_zero";
  if ((transfer.flags & ~KNOWN_FLAGS) !== 0) return "reserved_flag";
  if (transfer.id === 0n) return "id_must_not_be_zero";
  if (transfer.id === U128_MAX) return "id_must_not_be_int_max";
  return undefined;
}

function flagsExclude(flags: number): boolean {
  const { pending, postPending, voidPending } = transferFlags;
  if (has(flags, postPending)) return has(flags, pending | voidPending | BALANCING);
  return has(flags, voidPending) && has(flags, pending | BALANCING);
}

function createNew(ledger: Ledger, call: TransferCall): RecordResult {
  const { transfer, words, at } = call;
  const malformed = newFault(transfer);
  if (malformed !== undefined) return malformed;
  const payer = findAccount(ledger.accounts, words, at + Word.debit);
  if (payer === -1) return "debit_account_not_found";
  const payee = findAccount(ledger.accounts, words, at + Word.credit);
  if (payee === -1) return "credit_account_not_found";
  const refused = accountsFault(ledger, call, { payer, payee });
  if (refused !== undefined) return refused;

  const amount = balancedAmount(ledger, transfer, { payer, payee });
  const fault = debitFault(ledger.accounts, payer, amount) ?? creditFault(ledger.accounts, payee, amount);
  if (fault !== undefined) return fault;
  const fee = feeOf(transfer.ledger, amount);
  if (feeFault(ledger, transfer.ledger, fee)) return "overflows_credits";
  return has(transfer.flags, transferFlags.pending)
    ? reserve(ledger, call, { payer, payee, amount })
    : pay(ledger, call, { payer, payee, amount, fee });
}

type Parties = { readonly payer: number; readonly payee: number };

function reserve(
  ledger: Ledger,
  call: TransferCall,
  { payer, payee, amount }: Parties & { amount: bigint },
): RecordResult {
  const { transfer, words, at, moment } = call;
  if (ledger.pending.taken >= PENDING_MAX) return "pending_exhausted";
  book(ledger, [
    { account: payer, sum: SUM.debitsPending, change: amount },
    { account: payee, sum: SUM.creditsPending, change: amount },
  ]);
  rememberTransfer(ledger, words, at);
  markId(ledger, words, at, IdState.pending);
  const agent = has(transfer.flags, transferFlags.agent) ? findAccountId(ledger.accounts, transfer.userData128) : -1;
  addPending(ledger, {
    id: transfer.id,
    amount,
    debit: payer,
    credit: payee,
    agent: agent === -1 ? NOBODY : ownerOf(ledger.accounts, agent),
    code: transfer.code,
    expiresAt: transfer.timeout === 0 ? 0n : moment.time + BigInt(transfer.timeout) * 1_000_000_000n,
  });
  if (has(transfer.flags, BALANCING)) record(ledger.journal, { ...transfer, kind: "pending", amount });
  else countPlain(ledger.journal);
  return "applied";
}

function pay(
  ledger: Ledger,
  { transfer, words, at }: TransferCall,
  { payer, payee, amount, fee }: Parties & { amount: bigint; fee: bigint },
): RecordResult {
  bookPayment(ledger, { payer, payee, amount, fee });
  rememberTransfer(ledger, words, at);
  if (fee === 0n && !has(transfer.flags, BALANCING)) countPlain(ledger.journal);
  else recordPayment(ledger, { ...transfer, kind: "transfer" }, { amount, fee });
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
function accountsFault(
  { accounts }: Ledger,
  { transfer, signer }: TransferCall,
  { payer, payee }: Parties,
): ResultCode | undefined {
  const token = tokenOf(accounts, payer);
  if (token !== tokenOf(accounts, payee)) return "accounts_must_have_the_same_ledger";
  if (transfer.ledger !== token) return "transfer_must_have_the_same_ledger_as_accounts";
  if (ownerOf(accounts, payer) !== signer) return "signer_not_owner";
  if (ownerOf(accounts, payee) === NOBODY) return "credit_account_moved_by_system_only";
  return isTransferable(token) ? undefined : "token_not_transferable";
}

/** With a balancing flag the amount is an upper bound: no more than the account's limit leaves room for. */
function balancedAmount({ accounts }: Ledger, { amount, flags }: Transfer, { payer, payee }: Parties): bigint {
  const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
  const debited = has(flags, transferFlags.balancingDebit) ? least(amount, debitable(accounts, payer)) : amount;
  return has(flags, transferFlags.balancingCredit) ? least(debited, creditable(accounts, payee)) : debited;
}
