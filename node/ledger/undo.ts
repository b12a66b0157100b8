import { assert, unreachable } from "../base/assert.ts";
import { dropAccount, sumOf, tokenOf, writeSum } from "./accounts.ts";
import { dropId, unmarkId } from "./known-ids.ts";
import type { Ledger } from "./ledger.ts";
import { forgetOwnersFrom } from "./owners.ts";
import { addPending, pendingIn, removePending } from "./pending.ts";
import { ROW_WORDS, wordAt, wordsAt } from "./rows.ts";
import { count } from "./running-totals.ts";
import { push, readU128, reserve, type WordList, wordList, writeU128 } from "./words.ts";

/**
 * How to take back the linked chain under way: steps one behind the other, each with its words first and its name last, so
 * that they are read from the end. Nothing is written to it outside of a chain.
 */
export type UndoLog = {
  active: boolean;
  readonly steps: WordList;
  /** Where the journal stood when the chain began. */
  entries: number;
  toldBytes: number;
};

const Step = { sum: 1, account: 2, owners: 3, id: 4, mark: 5, pendingAdded: 6, pendingRemoved: 7 } as const;
type Step = (typeof Step)[keyof typeof Step];

export const undoLog = (): UndoLog => ({ active: false, steps: wordList(), entries: 0, toldBytes: 0 });

export function beginChain({ undo, journal }: Ledger): void {
  assert(!undo.active, "chains do not nest");
  undo.active = true;
  undo.steps.length = 0;
  undo.entries = journal.count;
  undo.toldBytes = journal.told.length;
}

export function commitChain({ undo }: Ledger): void {
  undo.active = false;
}

/** Takes back everything since `beginChain`. */
export function takeChainBack(ledger: Ledger): void {
  const { undo, journal } = ledger;
  undo.active = false;
  while (undo.steps.length > 0) takeBack(ledger, undo.steps);
  journal.count = undo.entries;
  journal.told.length = undo.toldBytes;
}

const take = (steps: WordList, words: number): number => {
  steps.length -= words;
  return steps.length;
};

function takeBack(ledger: Ledger, steps: WordList): unknown {
  const step = steps.words[take(steps, 1)] as Step;
  const { words } = steps;
  switch (step) {
    case Step.sum: {
      const at = take(steps, 6);
      return takeSumBack(ledger, words[at] as number, words[at + 1] as number, readU128(words, at + 2));
    }
    case Step.account:
      return dropAccount(ledger.accounts, words[take(steps, 1)] as number);
    case Step.owners:
      return forgetOwnersFrom(ledger.owners, words[take(steps, 1)] as number);
    case Step.id:
      return dropId(ledger.ids, words[take(steps, 1)] as number);
    case Step.mark: {
      const at = take(steps, 2);
      return unmarkId(ledger.ids, words[at] as number, words[at + 1] as number);
    }
    case Step.pendingAdded: {
      const at = take(steps, 2);
      return removePending(ledger.pending, words[at] as number, words[at + 1] === 1);
    }
    case Step.pendingRemoved:
      return addPending(ledger.pending, pendingIn(words, take(steps, ROW_WORDS)));
    default:
      return unreachable(step);
  }
}

function takeSumBack({ accounts, totals }: Ledger, account: number, sum: number, before: bigint): void {
  count(totals, tokenOf(accounts, account), sum, before - sumOf(accounts, account, sum));
  writeSum(accounts, account, sum, before);
}

/** Before a sum is written. */
export function rememberSum({ undo: { active, steps }, accounts }: Ledger, account: number, sum: number): void {
  if (!active) return;
  reserve(steps, 7);
  steps.words[steps.length] = account;
  steps.words[steps.length + 1] = sum;
  writeU128(steps.words, steps.length + 2, sumOf(accounts, account, sum));
  steps.words[steps.length + 6] = Step.sum;
  steps.length += 7;
}

export const rememberAccount = (ledger: Ledger, account: number): void => remember(ledger, Step.account, account);
export const rememberId = (ledger: Ledger, minute: number): void => remember(ledger, Step.id, minute);
/** Before a key may be added. */
export const rememberOwners = (ledger: Ledger): void => remember(ledger, Step.owners, ledger.owners.count);
export const rememberMark = (ledger: Ledger, minute: number, stateBefore: number): void =>
  remember(ledger, Step.mark, minute, stateBefore);
export const rememberPending = (ledger: Ledger, { row, grown }: { row: number; grown: boolean }): void =>
  remember(ledger, Step.pendingAdded, row, Number(grown));

function remember({ undo: { active, steps } }: Ledger, step: Step, ...words: number[]): void {
  if (!active) return;
  for (const word of words) push(steps, word);
  push(steps, step);
}

/** Before the row of a pending transfer is freed. */
export function rememberRow({ undo: { active, steps }, pending }: Ledger, row: number): void {
  if (!active) return;
  reserve(steps, ROW_WORDS + 1);
  const at = wordAt(row);
  steps.words.set(wordsAt(pending.rows, row).subarray(at, at + ROW_WORDS), steps.length);
  steps.words[steps.length + ROW_WORDS] = Step.pendingRemoved;
  steps.length += ROW_WORDS + 1;
}
