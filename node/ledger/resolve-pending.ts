import { present } from "../base/assert.ts";
import type { Nanos } from "../base/units.ts";
import { type Transfer, transferFlags, U128_MAX } from "../codec/transfer.ts";
import { type Account, creditFault, has } from "./account.ts";
import type { RecordResult, ResultCode } from "./codes.ts";
import { record } from "./journal.ts";
import {
  addTransfer,
  book,
  inWindow,
  type Ledger,
  type Moment,
  type PendingTransfer,
  type Resolution,
  removePending,
} from "./ledger.ts";
import { feeOf, systemAccountId } from "./tokens.ts";

/** Posts or voids a pending transfer. */
export function resolvePending(ledger: Ledger, transfer: Transfer, moment: Moment): RecordResult {
  if (transfer.pendingId === 0n) return "pending_id_must_not_be_zero";
  if (transfer.pendingId === U128_MAX) return "pending_id_must_not_be_int_max";
  if (transfer.pendingId === transfer.id) return "pending_id_must_be_different";
  if (transfer.timeout !== 0) return "timeout_reserved_for_pending_transfer";
  const pending = ledger.pending.get(transfer.pendingId);
  if (pending === undefined) return notPending(ledger, transfer.pendingId, moment.time);
  const payer = present(ledger.accounts.get(pending.debit), "payer of a pending transfer is there");
  const payee = present(ledger.accounts.get(pending.credit), "payee of a pending transfer is there");
  if (payer.owner !== moment.signer && pending.agent !== moment.signer) return "signer_not_owner";
  const refused = differsFromPending(transfer, pending);
  if (refused !== undefined) return refused;

  const post = has(transfer.flags, transferFlags.postPending);
  const wanted = amountOf({ transfer, pending, post });
  if (!wanted.ok) return wanted.code;
  const fee = post ? feeOf(pending.ledger, wanted.amount) : 0n;
  const feeAccount = present(ledger.accounts.get(systemAccountId(pending.ledger, "fee")), "fee account is there");
  if (creditFault(feeAccount, fee) !== undefined) return "overflows_credits";

  const amount = wanted.amount;
  const code = transfer.code === 0 ? pending.code : transfer.code;
  release(ledger, { pending, payer, payee, resolution: post ? "posted" : "voided" });
  addTransfer(ledger, {
    record: { ...transfer, timestamp: moment.time },
    height: moment.height,
    debit: payer.id,
    credit: payee.id,
    ledger: pending.ledger,
    code,
    amount,
  });
  const entry = {
    ...transfer,
    height: moment.height,
    time: moment.time,
    debit: payer.id,
    credit: payee.id,
    ledger: pending.ledger,
    code,
  };
  if (!post) {
    record(ledger, { ...entry, kind: "void", amount });
    return "applied";
  }
  book(ledger, [
    { account: payer, sum: "debitsPosted", change: amount },
    { account: payee, sum: "creditsPosted", change: amount - fee },
    { account: feeAccount, sum: "creditsPosted", change: fee },
  ]);
  record(ledger, { ...entry, kind: "post", amount: amount - fee });
  if (fee > 0n) record(ledger, { ...entry, kind: "token_fee", credit: feeAccount.id, amount: fee });
  return "applied";
}

/** Voids what has reached its timeout; called once at the start of each block, before its batches. */
export function expirePending(ledger: Ledger, { height, time }: { height: number; time: Nanos }): void {
  for (let due = ledger.timers.due(time); due !== undefined; due = ledger.timers.due(time)) {
    const pending = ledger.pending.get(due.key);
    if (pending?.expiresAt !== due.at) continue;
    const payer = present(ledger.accounts.get(pending.debit), "payer of a pending transfer is there");
    const payee = present(ledger.accounts.get(pending.credit), "payee of a pending transfer is there");
    release(ledger, { pending, payer, payee, resolution: undefined });
    const { record: sent, debit, credit, amount, code } = pending;
    const token = pending.ledger;
    const fields = { id: sent.id, pendingId: sent.id, debit, credit, amount, code, ledger: token };
    record(ledger, { ...fields, height, time, kind: "expire" });
  }
}

function release(
  ledger: Ledger,
  {
    pending,
    payer,
    payee,
    resolution,
  }: { pending: PendingTransfer; payer: Account; payee: Account; resolution: Resolution | undefined },
): void {
  removePending(ledger, pending.record.id, resolution);
  book(ledger, [
    { account: payer, sum: "debitsPending", change: -pending.amount },
    { account: payee, sum: "creditsPending", change: -pending.amount },
  ]);
}

/** Why there is nothing to resolve. What lies beyond the id window is forgotten and counts as never seen. */
function notPending(ledger: Ledger, pendingId: bigint, time: Nanos): ResultCode {
  const known = inWindow(pendingId, time) ? ledger.transfers.get(pendingId) : undefined;
  if (known === undefined) return "pending_transfer_not_found";
  if (!has(known.record.flags, transferFlags.pending)) return "pending_transfer_not_pending";
  const resolution = ledger.resolutions.get(pendingId);
  return resolution === undefined ? "pending_transfer_expired" : `pending_transfer_already_${resolution}`;
}

/** Fields of a post or void may be zero; otherwise they repeat the pending transfer's. */
function differsFromPending(transfer: Transfer, pending: PendingTransfer): ResultCode | undefined {
  const differs = (sent: bigint | number, kept: bigint | number) => sent !== kept && BigInt(sent) !== 0n;
  if (differs(transfer.debit, pending.debit)) return "pending_transfer_has_different_debit_account_id";
  if (differs(transfer.credit, pending.credit)) return "pending_transfer_has_different_credit_account_id";
  if (differs(transfer.ledger, pending.ledger)) return "pending_transfer_has_different_ledger";
  if (differs(transfer.code, pending.code)) return "pending_transfer_has_different_code";
  return undefined;
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
