import { type Transfer, transferFlags, U128_MAX } from "../codec/transfer.ts";
import type { RecordResult } from "./codes.ts";
import type { JournalEntry } from "./journal.ts";
import { type MoveFields, START_MS } from "./test-ledger.ts";

/**
 * The rules of the ledger written a second time, as plainly as they can be: objects and BigInts, the whole state copied
 * for each chain, no undo, a journal that simply notes what happens. It shares no code with the engine.
 */
export type Reference = {
  accounts: Record<string, ReferenceAccount>;
  /** By id: what was sent, and what became of it. */
  seen: Record<string, { sent: string; fate: "plain" | "pending" | "posted" | "voided" }>;
  held: Record<string, Held>;
};
export type ReferenceAccount = { owner: string; token: number; dp: bigint; d: bigint; cp: bigint; c: bigint };
type Held = { id: bigint; from: bigint; to: bigint; amount: bigint; agent: string; code: number; endsMs: number };
export type Entry = Omit<JournalEntry, "position" | "time" | "height">;
type Scene = { readonly state: Reference; readonly entries: Entry[]; readonly signer: string; readonly nowMs: number };

const WINDOW_MS = 600_000;
const SYSTEM = "";
const { linked, pending, postPending, voidPending, balancingDebit, balancingCredit, agent } = transferFlags;
const any = (flags: number, ...wanted: number[]) => wanted.some((flag) => (flags & flag) !== 0);
const tenth = (token: number, amount: bigint) => (token === 4 ? amount / 10n + (amount % 10n === 0n ? 0n : 1n) : 0n);
const feeAccount = (token: number) => BigInt(256 * token + 3);
const agoMs = (id: bigint, nowMs: number) => nowMs - Number((id >> 80n) - START_MS);
const free = ({ c, d, dp }: ReferenceAccount) => (c - d - dp > 0n ? c - d - dp : 0n);
const good = (result: RecordResult) => result === "applied" || result === "exists";

/** One block: expiries, then one batch. */
export function referenceBlock(
  before: Reference,
  { records, signer, nowMs }: { records: readonly Transfer[]; signer: string; nowMs: number },
): { state: Reference; results: RecordResult[]; entries: Entry[] } {
  let state = structuredClone(before);
  let entries: Entry[] = [];
  const due = Object.values(state.held).filter(({ endsMs }) => endsMs <= nowMs);
  for (const held of due.toSorted((a, b) => a.endsMs - b.endsMs || (a.id < b.id ? -1 : 1))) {
    letGo(state, held);
    const { id, from, to, amount, code } = held;
    const token = at(state, from).token;
    entries.push({
      ...entryOf({ id, debit: from, credit: to, ledger: token, code, pendingId: id }),
      kind: "expire",
      amount,
    });
  }
  const results: RecordResult[] = [];
  for (let first = 0; first < records.length; ) {
    let last = first;
    while (last < records.length && any(records[last]?.flags ?? 0, linked)) last += 1;
    const chain = records.slice(first, last + 1);
    const trial = { state: structuredClone(state), entries: [...entries], signer, nowMs };
    const outcomes =
      chain.length > 1 || last === records.length
        ? applyChain(trial, chain, last < records.length)
        : chain.map((sent) => apply(trial, sent));
    if (outcomes.every(good)) ({ state, entries } = trial);
    results.push(...outcomes);
    first = last + 1;
  }
  return { state, results, entries };
}

function applyChain(trial: Scene, chain: readonly Transfer[], closed: boolean): RecordResult[] {
  const failed = chain.map((): RecordResult => "linked_event_failed");
  if (!closed) return failed.with(-1, "linked_event_chain_open");
  const outcomes: RecordResult[] = [];
  for (const sent of chain) {
    const outcome = apply(trial, sent);
    if (!good(outcome)) return failed.with(outcomes.length, outcome);
    outcomes.push(outcome);
  }
  return outcomes;
}

const at = (state: Reference, id: bigint): ReferenceAccount => {
  const account = state.accounts[`${id}`];
  if (account === undefined) throw new Error(`no account ${id}`);
  return account;
};

const entryOf = (fields: Partial<Transfer> & Pick<Transfer, "id">): Omit<Entry, "kind"> => {
  const { id, debit = 0n, credit = 0n, amount = 0n, ledger = 0, code = 0, flags = 0, pendingId = 0n } = fields;
  const { userData128 = 0n, userData64 = 0n, userData32 = 0 } = fields;
  return { id, debit, credit, amount, ledger, code, flags, pendingId, userData128, userData64, userData32 };
};

function letGo(state: Reference, { id, from, to, amount }: Held): void {
  at(state, from).dp -= amount;
  at(state, to).cp -= amount;
  delete state.held[`${id}`];
}

function move({ state, entries }: Scene, sent: Transfer, kind: "transfer" | "post", moved: bigint): void {
  const fee = tenth(sent.ledger, moved);
  at(state, sent.debit).d += moved;
  at(state, sent.credit).c += moved - fee;
  at(state, feeAccount(sent.ledger)).c += fee;
  entries.push({ ...entryOf(sent), kind, amount: moved - fee });
  if (fee > 0n) entries.push({ ...entryOf(sent), kind: "token_fee", credit: feeAccount(sent.ledger), amount: fee });
}

function apply(scene: Scene, sent: Transfer): RecordResult {
  const { state, nowMs } = scene;
  if (sent.timestamp !== 0n) return "timestamp_must_be_zero";
  if ((sent.flags & 0x7fc0) !== 0) return "reserved_flag";
  if (sent.id === 0n) return "id_must_not_be_zero";
  if (sent.id === U128_MAX) return "id_must_not_be_int_max";
  if (agoMs(sent.id, nowMs) > WINDOW_MS) return "id_expired";
  const words = JSON.stringify(sent, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
  const known = state.seen[`${sent.id}`];
  if (known !== undefined) return known.sent === words ? "exists" : "exists_with_different_fields";
  if (agoMs(sent.id, nowMs) < -60_000) return "id_in_future";
  const others = [pending, balancingDebit, balancingCredit];
  if (any(sent.flags, postPending) && any(sent.flags, voidPending, ...others)) return "flags_are_mutually_exclusive";
  if (any(sent.flags, voidPending) && any(sent.flags, ...others)) return "flags_are_mutually_exclusive";
  if (any(sent.flags, agent) && !any(sent.flags, pending)) return "agent_reserved_for_pending_transfer";
  const result = any(sent.flags, postPending, voidPending) ? resolve(scene, sent) : create(scene, sent);
  if (result === "applied")
    state.seen[`${sent.id}`] = { sent: words, fate: any(sent.flags, pending) ? "pending" : "plain" };
  return result;
}

function create(scene: Scene, sent: Transfer): RecordResult {
  const { state, entries, signer, nowMs } = scene;
  if (sent.debit === 0n) return "debit_account_id_must_not_be_zero";
  if (sent.debit === U128_MAX) return "debit_account_id_must_not_be_int_max";
  if (sent.credit === 0n) return "credit_account_id_must_not_be_zero";
  if (sent.credit === U128_MAX) return "credit_account_id_must_not_be_int_max";
  if (sent.debit === sent.credit) return "accounts_must_be_different";
  if (sent.pendingId !== 0n) return "pending_id_must_be_zero";
  if (sent.timeout !== 0 && !any(sent.flags, pending)) return "timeout_reserved_for_pending_transfer";
  if (sent.ledger === 0) return "ledger_must_not_be_zero";
  if (sent.code === 0) return "code_must_not_be_zero";
  const from = state.accounts[`${sent.debit}`];
  const to = state.accounts[`${sent.credit}`];
  if (from === undefined) return "debit_account_not_found";
  if (to === undefined) return "credit_account_not_found";
  if (from.token !== to.token) return "accounts_must_have_the_same_ledger";
  if (from.token !== sent.ledger) return "transfer_must_have_the_same_ledger_as_accounts";
  if (from.owner !== signer) return "signer_not_owner";
  if (to.owner === SYSTEM) return "credit_account_moved_by_system_only";
  if (![1, 4, 5].includes(from.token)) return "token_not_transferable";
  let { amount } = sent;
  if (any(sent.flags, balancingDebit) && free(from) < amount) amount = free(from);
  const room = U128_MAX - to.c - to.cp;
  if (any(sent.flags, balancingCredit) && room < amount) amount = room;
  if (from.d + from.dp + amount > U128_MAX) return "overflows_debits";
  if (amount > free(from)) return "exceeds_credits";
  if (to.c + to.cp + amount > U128_MAX) return "overflows_credits";
  if (!any(sent.flags, pending)) {
    move(scene, sent, "transfer", amount);
    return "applied";
  }
  from.dp += amount;
  to.cp += amount;
  const helper = any(sent.flags, agent) ? state.accounts[`${sent.userData128}`]?.owner : undefined;
  const endsMs = sent.timeout === 0 ? Number.POSITIVE_INFINITY : nowMs + 1_000 * sent.timeout;
  const { id, debit, credit, code } = sent;
  state.held[`${id}`] = { id, from: debit, to: credit, amount, agent: helper ?? SYSTEM, code, endsMs };
  entries.push({ ...entryOf(sent), kind: "pending", amount });
  return "applied";
}

function resolve(scene: Scene, sent: Transfer): RecordResult {
  const { state, entries, signer, nowMs } = scene;
  if (sent.pendingId === 0n) return "pending_id_must_not_be_zero";
  if (sent.pendingId === U128_MAX) return "pending_id_must_not_be_int_max";
  if (sent.pendingId === sent.id) return "pending_id_must_be_different";
  if (sent.timeout !== 0) return "timeout_reserved_for_pending_transfer";
  const key = `${sent.pendingId}`;
  const held = state.held[key];
  if (held === undefined) {
    const fate = agoMs(sent.pendingId, nowMs) > WINDOW_MS ? undefined : state.seen[key]?.fate;
    if (fate === undefined) return "pending_transfer_not_found";
    if (fate === "plain") return "pending_transfer_not_pending";
    return fate === "pending" ? "pending_transfer_expired" : `pending_transfer_already_${fate}`;
  }
  const payer = at(state, held.from);
  if (payer.owner !== signer && held.agent !== signer) return "signer_not_owner";
  if (sent.debit !== 0n && sent.debit !== held.from) return "pending_transfer_has_different_debit_account_id";
  if (sent.credit !== 0n && sent.credit !== held.to) return "pending_transfer_has_different_credit_account_id";
  if (sent.ledger !== 0 && sent.ledger !== payer.token) return "pending_transfer_has_different_ledger";
  if (sent.code !== 0 && sent.code !== held.code) return "pending_transfer_has_different_code";
  const post = any(sent.flags, postPending);
  if (post && sent.amount !== U128_MAX && sent.amount > held.amount) return "exceeds_pending_transfer_amount";
  if (!post && sent.amount !== 0n && sent.amount !== held.amount) return "pending_transfer_has_different_amount";
  letGo(state, held);
  const whole = { ...sent, debit: held.from, credit: held.to, ledger: payer.token, code: held.code };
  const known = state.seen[key];
  if (known !== undefined) known.fate = post ? "posted" : "voided";
  if (post) move(scene, whole, "post", sent.amount === U128_MAX ? held.amount : sent.amount);
  else entries.push({ ...entryOf(whole), kind: "void", amount: held.amount });
  return "applied";
}

/** A move of the system, which nobody signs. */
export function referenceMove(
  state: Reference,
  entries: Entry[],
  { kind, token, debit, credit, amount }: MoveFields,
): RecordResult {
  const payer = at(state, debit);
  if (debit !== BigInt(256 * token + 1) && amount > free(payer)) return "exceeds_credits";
  payer.d += amount;
  at(state, credit).c += amount;
  entries.push({ ...entryOf({ id: 1n, debit, credit, amount, ledger: token }), kind });
  return "applied";
}
