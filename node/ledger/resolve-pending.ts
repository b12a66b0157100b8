import type { Nanos } from "../base/units.ts";
import { type Transfer, transferFlags, U128_MAX } from "../codec/transfer.ts";
import { has } from "./account.ts";
import { idOf, ownerOf, SUM, tokenOf } from "./accounts.ts";
import type { RecordResult, ResultCode } from "./codes.ts";
import type { TransferCall } from "./create-transfer.ts";
import { record } from "./journal.ts";
import { findId, IdState, inWindow, millisAt, minuteOf, openMinute, stateAt } from "./known-ids.ts";
import { book, type Ledger, markId, rememberTransfer, removePending } from "./ledger.ts";
import { bookPayment, feeFault, recordPayment } from "./payment.ts";
import { dueRow, findPending, type PendingTransfer, readPending } from "./pending.ts";
import { feeOf } from "./tokens.ts";
import { Word } from "./transfer-words.ts";

/** Posts or voids a pending transfer. */
export function resolvePending(ledger: Ledger, call: TransferCall): RecordResult {
  const { transfer, signer, words, at } = call;
  const malformed = formFault(transfer);
  if (malformed !== undefined) return malformed;
  const row = findPending(ledger.pending, transfer.pendingId);
  if (row === -1) return notPending(ledger, call);
  const { accounts } = ledger;
  const pending = readPending(ledger.pending, row);
  const { debit: payer, credit: payee } = pending;
  if (signer === -1 || (ownerOf(accounts, payer) !== signer && pending.agent !== signer)) return "signer_not_owner";
  const refused = differsFromPending(ledger, transfer, pending);
  if (refused !== undefined) return refused;

  const post = has(transfer.flags, transferFlags.postPending);
  const wanted = amountOf({ transfer, pending, post });
  if (!wanted.ok) return wanted.code;
  const { amount } = wanted;
  const token = tokenOf(accounts, payer);
  const fee = post ? feeOf(token, amount) : 0n;
  if (feeFault(ledger, token, fee)) return "overflows_credits";

  release(ledger, row, pending);
  markId(ledger, words, at + Word.pendingId, post ? IdState.posted : IdState.voided);
  rememberTransfer(ledger, words, at);
  const entry = {
    ...transfer,
    debit: idOf(accounts, payer),
    credit: idOf(accounts, payee),
    ledger: token,
    code: transfer.code === 0 ? pending.code : transfer.code,
  };
  if (!post) {
    record(ledger.journal, { ...entry, kind: "void", amount });
    return "applied";
  }
  bookPayment(ledger, { payer, payee, amount, fee });
  recordPayment(ledger, { ...entry, kind: "post" }, { amount, fee });
  return "applied";
}

/** Voids what has reached its timeout; called once at the start of each block, before its batches. */
export function expirePending(ledger: Ledger, time: Nanos): void {
  const { accounts } = ledger;
  for (let row = dueRow(ledger.pending, time); row !== -1; row = dueRow(ledger.pending, time)) {
    const pending = readPending(ledger.pending, row);
    release(ledger, row, pending);
    const { id, amount, code } = pending;
    record(ledger.journal, {
      kind: "expire",
      id,
      pendingId: id,
      debit: idOf(accounts, pending.debit),
      credit: idOf(accounts, pending.credit),
      amount,
      code,
      ledger: tokenOf(accounts, pending.debit),
    });
  }
}

function release(ledger: Ledger, row: number, { debit, credit, amount }: PendingTransfer): void {
  removePending(ledger, row);
  book(ledger, [
    { account: debit, sum: SUM.debitsPending, change: -amount },
    { account: credit, sum: SUM.creditsPending, change: -amount },
  ]);
}

function formFault(transfer: Transfer): ResultCode | undefined {
  if (transfer.pendingId === 0n) return "pending_id_must_not_be_zero";
  if (transfer.pendingId === U128_MAX) return "pending_id_must_not_be_int_max";
  if (transfer.pendingId === transfer.id) return "pending_id_must_be_different";
  return transfer.timeout === 0 ? undefined : "timeout_reserved_for_pending_transfer";
}

/** Why there is nothing to resolve. What lies beyond the id window is forgotten and counts as never seen. */
function notPending({ ids }: Ledger, { words, at, nowMs }: TransferCall): ResultCode {
  const pendingAt = at + Word.pendingId;
  const idMs = millisAt(words, pendingAt);
  const known = inWindow(idMs, nowMs) ? findId(ids, words, pendingAt) : -1;
  if (known === -1) return "pending_transfer_not_found";
  switch (stateAt(openMinute(ids, minuteOf(idMs)), known)) {
    case IdState.posted:
      return "pending_transfer_already_posted";
    case IdState.voided:
      return "pending_transfer_already_voided";
    case IdState.pending:
      return "pending_transfer_expired";
    default:
      return "pending_transfer_not_pending";
  }
}

/** Fields of a post or void may be zero; otherwise they repeat the pending transfer's. */
function differsFromPending({ accounts }: Ledger, sent: Transfer, pending: PendingTransfer): ResultCode | undefined {
  if (sent.debit !== 0n && sent.debit !== idOf(accounts, pending.debit))
    return "pending_transfer_has_different_debit_account_id";
  if (sent.credit !== 0n && sent.credit !== idOf(accounts, pending.credit))
    return "pending_transfer_has_different_credit_account_id";
  if (sent.ledger !== 0 && sent.ledger !== tokenOf(accounts, pending.debit))
    return "pending_transfer_has_different_ledger";
  return sent.code !== 0 && sent.code !== pending.code ? "pending_transfer_has_different_code" : undefined;
}

type Amount = { readonly ok: true; readonly amount: bigint } | { readonly ok: false; readonly code: ResultCode };

/** A post may move less than was reserved; the largest number posts all. A void takes all or nothing. */
function amountOf({
  transfer,
  pending,
  post,
}: {
  transfer: Transfer;
  pending: PendingTransfer;
  post: boolean;
}): Amount {
  if (post) {
    if (transfer.amount === U128_MAX) return { ok: true, amount: pending.amount };
    if (transfer.amount > pending.amount) return { ok: false, code: "exceeds_pending_transfer_amount" };
    return { ok: true, amount: transfer.amount };
  }
  if (transfer.amount !== 0n && transfer.amount !== pending.amount)
    return { ok: false, code: "pending_transfer_has_different_amount" };
  return { ok: true, amount: pending.amount };
}
