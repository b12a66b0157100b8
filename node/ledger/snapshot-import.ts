import { accept, type Result, refuse } from "../base/result.ts";
import { MalformedBytes } from "../codec/reader.ts";
import { ACCOUNTS_MAX, findAccountId } from "./accounts.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { PENDING_MAX } from "./pending.ts";
import { isBalanced } from "./running-totals.ts";
import { HEAD_WORDS, SLICE_BYTES_MAX, SliceKind, SNAPSHOT_VERSION } from "./snapshot-format.ts";
import {
  checkFreeRows,
  checkSums,
  need,
  type Slice,
  type TableCounts,
  takeAccounts,
  takeIds,
  takeMarks,
  takeOwners,
  takePending,
  takeUserData,
  takeWideSums,
} from "./snapshot-tables.ts";
import { SYSTEM_ACCOUNTS, type SystemAccount, systemAccountId, tokenLedgers } from "./tokens.ts";
import { readPair, wordsOf } from "./words.ts";

type Restoring = { readonly ledger: Ledger; readonly counts: TableCounts; last: number };

/**
 * Restores what `exportLedger` gave. The slices may come from anybody: they are checked as far as reading and hashing the
 * tables asks for, and sums against each other; a refusal names what is wrong. Whether it is the right state is for its
 * root to say, before anything is executed on it. `seed` is `createLedger`'s.
 */
export function importLedger(parts: Iterable<Uint8Array>, seed = 0): Result<Ledger, "snapshot_malformed"> {
  try {
    return accept(restore(parts, seed));
  } catch (cause) {
    if (cause instanceof MalformedBytes) return refuse("snapshot_malformed", cause.message);
    throw cause;
  }
}

function restore(parts: Iterable<Uint8Array>, seed: number): Ledger {
  let state: Restoring | undefined;
  for (const bytes of parts) {
    const slice = readSlice(bytes);
    if (state === undefined) state = begin(slice, seed);
    else if (slice.kind === SliceKind.end) return finish(state);
    else takeIn(state, slice);
  }
  throw new MalformedBytes("it ends before its last slice");
}

function readSlice(bytes: Uint8Array): Slice {
  need(bytes.length >= 4 * HEAD_WORDS && bytes.length % 4 === 0, `a slice has ${bytes.length} bytes`);
  need(bytes.length <= SLICE_BYTES_MAX, `a slice has ${bytes.length} bytes, at most ${SLICE_BYTES_MAX} are taken`);
  const words = wordsOf(bytes);
  const [kind, of, many, first] = words as unknown as [number, number, number, number];
  need(many >= 0 && first >= 0, "a slice counts below zero");
  return { kind, of, count: many, first, body: words.subarray(HEAD_WORDS) };
}

function begin({ kind, body }: Slice, seed: number): Restoring {
  need(kind === SliceKind.head, "it does not begin with its head");
  need(body[0] === SNAPSHOT_VERSION, `its version is ${body[0]}, this release reads ${SNAPSHOT_VERSION}`);
  need(body.length === 7, "its head has another length");
  const [, owners, accounts, pending, firstFree] = body as unknown as [number, number, number, number, number];
  const entries = readPair(body, 5);
  need(owners >= 1 && owners <= ACCOUNTS_MAX, `it has ${owners} owners`);
  need(accounts >= 0 && accounts <= ACCOUNTS_MAX, `it has ${accounts} accounts`);
  need(pending >= 0 && pending <= PENDING_MAX, `it has ${pending} rows of pending transfers`);
  need(firstFree >= 0 && firstFree <= pending, "its first free row is none");
  need(Number.isSafeInteger(entries), "it has too many journal entries");
  const ledger = createLedger(seed, entries);
  ledger.pending.firstFree = firstFree;
  return { ledger, counts: { owners, accounts, pending }, last: SliceKind.head };
}

function takeIn(state: Restoring, slice: Slice): unknown {
  const { kind } = slice;
  need(kind >= state.last && kind < SliceKind.end, `a slice of kind ${kind} is out of order`);
  state.last = kind;
  checkCounts(state, kind);
  const { ledger, counts } = state;
  switch (kind) {
    case SliceKind.owners:
      return takeOwners(ledger, slice);
    case SliceKind.accounts:
      return takeAccounts(ledger, slice, counts);
    case SliceKind.userData:
      return takeUserData(ledger, slice, counts);
    case SliceKind.wideSums:
      return takeWideSums(ledger, slice, counts);
    case SliceKind.pending:
      return takePending(ledger, slice, counts);
    case SliceKind.ids:
      return takeIds(ledger, slice);
    case SliceKind.marks:
      return takeMarks(ledger, slice);
    default:
      throw new MalformedBytes("it has two heads");
  }
}

/** Tables before this kind are whole: what comes later refers to them. */
function checkCounts({ ledger: { owners, accounts, pending }, counts }: Restoring, kind: number): void {
  const whole = (of: number, have: number, count: number, what: string): void =>
    need(kind <= of || have === count, `it has ${have} of ${count} ${what}`);
  whole(SliceKind.owners, owners.count, counts.owners, "owners");
  whole(SliceKind.accounts, accounts.rows.count, counts.accounts, "accounts");
  whole(SliceKind.pending, pending.rows.count, counts.pending, "pending rows");
}

function finish(state: Restoring): Ledger {
  checkCounts(state, SliceKind.end);
  const { ledger } = state;
  const { accounts, pending } = ledger;
  checkSums(ledger);
  for (const token of tokenLedgers)
    for (const name of Object.keys(SYSTEM_ACCOUNTS) as SystemAccount[])
      need(
        findAccountId(accounts, systemAccountId(token, name)) !== -1,
        `${name} account of token ${token} is missing`,
      );
  checkFreeRows(pending);
  need(isBalanced(ledger.totals), "debits and credits differ");
  return ledger;
}
