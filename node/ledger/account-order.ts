import type { Account } from "./account.ts";
import { type Accounts, ID_WORD, readAccount } from "./accounts.ts";
import type { Ledger } from "./ledger.ts";
import { wordAt, wordsAt } from "./rows.ts";
import { compareWords, writeU128 } from "./words.ts";

/**
 * Accounts by id, for reading them page by page. It follows the accounts some way with each block once somebody has asked,
 * so that no question sorts a million ids at once; what it has not reached yet is looked through as it is.
 */
export type AccountOrder = {
  asked: boolean;
  /** Accounts that it has reached, in the order of their creation. */
  reached: number;
  /** Runs of account numbers by id; every id of a run is under those of the next. */
  readonly runs: number[][];
};

const RUN_MAX = 512;
/** Accounts that it takes in with each block, about a microsecond each. */
const PER_BLOCK = 256;
const ID_WORDS = 4;

export const accountOrder = (): AccountOrder => ({ asked: false, reached: 0, runs: [] });

/** Called between blocks, when no chain is under way that could be taken back. */
export function followOrder(order: AccountOrder, accounts: Accounts): void {
  if (!order.asked) return;
  const end = Math.min(accounts.rows.count, order.reached + PER_BLOCK);
  for (; order.reached < end; order.reached++) put(order, accounts, order.reached);
}

type Id = { readonly words: Int32Array; readonly at: number };
const idAt = ({ rows }: Accounts, account: number): Id => ({
  words: wordsAt(rows, account),
  at: wordAt(account) + ID_WORD,
});
const isAfter = ({ rows }: Accounts, account: number, id: Id): boolean =>
  compareWords(wordsAt(rows, account), wordAt(account) + ID_WORD, id.words, id.at, ID_WORDS) > 0;

function put({ runs }: AccountOrder, accounts: Accounts, account: number): void {
  const at = runOf(runs, accounts, idAt(accounts, account));
  const run = runs[at];
  if (run === undefined) {
    runs.push([account]);
    return;
  }
  run.splice(placeIn(run, accounts, idAt(accounts, account)), 0, account);
  if (run.length > RUN_MAX) runs.splice(at, 1, run.slice(0, RUN_MAX / 2), run.slice(RUN_MAX / 2));
}

/** The last run that begins at or before the id, otherwise the first. */
const runOf = (runs: readonly (readonly number[])[], accounts: Accounts, id: Id): number =>
  Math.max(0, firstWhere(runs.length, (run) => isAfter(accounts, runs[run]?.[0] as number, id)) - 1);
/** Of the first account after the id. */
const placeIn = (run: readonly number[], accounts: Accounts, id: Id): number =>
  firstWhere(run.length, (index) => isAfter(accounts, run[index] as number, id));

/** The first of `count` numbers for which it is so, if it is so from one of them on; otherwise `count`. */
function firstWhere(count: number, is: (index: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (is(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** At most `limit` accounts with ids after `afterId`, by id. */
export function accountsAfter({ order, accounts, owners }: Ledger, afterId: bigint, limit: number): Account[] {
  order.asked = true;
  const after = { words: new Int32Array(ID_WORDS), at: 0 };
  writeU128(after.words, 0, afterId);
  const page: number[] = [];
  for (let run = runOf(order.runs, accounts, after); run < order.runs.length && page.length < limit; run++)
    for (const account of order.runs[run] ?? [])
      if (page.length < limit && isAfter(accounts, account, after)) page.push(account);
  for (let account = order.reached; account < accounts.rows.count; account++) {
    if (!isAfter(accounts, account, after)) continue;
    const last = page[limit - 1];
    if (last !== undefined && isAfter(accounts, account, idAt(accounts, last))) continue;
    page.splice(placeIn(page, accounts, idAt(accounts, account)), 0, account);
    if (page.length > limit) page.pop();
  }
  return page.map((account) => readAccount(accounts, owners, account));
}
