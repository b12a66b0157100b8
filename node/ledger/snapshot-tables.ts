import { MalformedBytes } from "../codec/reader.ts";
import { U128_MAX } from "../codec/transfer.ts";
import {
  findAccount,
  ID_WORD,
  indexAccount,
  isWide,
  NARROW_END,
  narrowSum,
  ownerOf,
  SUM,
  SUMS,
  sumOf,
  tokenOf,
  USER_WORDS,
} from "./accounts.ts";
import {
  addEntry,
  ENTRY_WORDS,
  findEntry,
  hashEntry,
  hasRoomForIds,
  IdState,
  MINUTE_MS,
  mark,
  openMinute,
  stateAt,
} from "./known-ids.ts";
import type { Ledger } from "./ledger.ts";
import { addKey, hasRoomForOwner, isKnownKey, NOBODY, OWNER_WORDS } from "./owners.ts";
import {
  findPending,
  indexPending,
  isTaken,
  NEXT_WORD,
  nextFree,
  type PendingTable,
  pendingIn,
  readPending,
} from "./pending.ts";
import { addChunk, CHUNK_MASK, CHUNK_ROWS, ROW_WORDS, type Rows, touch, wordAt, wordsAt } from "./rows.ts";
import { count, countSmall } from "./running-totals.ts";
import { WIDE_WORDS } from "./snapshot-format.ts";
import { tokenLedgers } from "./tokens.ts";
import { readU128 } from "./words.ts";

/** One slice of a snapshot, cut open. */
export type Slice = {
  readonly kind: number;
  readonly of: number;
  readonly count: number;
  readonly first: number;
  readonly body: Int32Array;
};

/** What the head promises. */
export type TableCounts = { readonly owners: number; readonly accounts: number; readonly pending: number };

/** Outside bytes are refused, never asserted: `importLedger` catches it. */
export function need(condition: boolean, what: string): asserts condition {
  if (!condition) throw new MalformedBytes(what);
}

const needWhole = ({ count: things, body }: Slice, wordsEach: number, of: string): void =>
  need(things > 0 && body.length === things * wordsEach, `a slice of ${of} has ${body.length} words for ${things}`);

export function takeOwners({ owners }: Ledger, slice: Slice): void {
  needWhole(slice, OWNER_WORDS, "owners");
  const { first, body } = slice;
  // Number 0 stands for nobody and is there from the start.
  const start = first === 0 ? 1 : 0;
  need(first === 0 ? owners.count === 1 : first === owners.count, `owners from ${first} on are out of order`);
  need(start === 0 || body.subarray(0, OWNER_WORDS).every((word) => word === 0), "the first owner is nobody");
  for (let nth = start; nth < slice.count; nth++) {
    const key = body.subarray(nth * OWNER_WORDS, (nth + 1) * OWNER_WORDS);
    need(hasRoomForOwner(owners) && !isKnownKey(owners, key), `owner ${owners.count} stands there twice`);
    addKey(owners, key);
  }
}

function takeRows(rows: Rows, { count: more, first, body }: Slice, limit: number, of: string): void {
  need(first === rows.count && first + more <= limit, `${of} from ${first} on are out of order`);
  for (let nth = 0; nth < more; nth++) {
    const row = first + nth;
    if ((row & CHUNK_MASK) === 0) addChunk(rows, new Int32Array(CHUNK_ROWS * ROW_WORDS));
    touch(rows, row);
    wordsAt(rows, row).set(body.subarray(nth * ROW_WORDS, (nth + 1) * ROW_WORDS), wordAt(row));
  }
  rows.count = first + more;
}

export function takeAccounts({ accounts, owners, totals }: Ledger, slice: Slice, counts: TableCounts): void {
  needWhole(slice, ROW_WORDS, "accounts");
  takeRows(accounts.rows, slice, counts.accounts, "accounts");
  for (let account = slice.first; account < slice.first + slice.count; account++) {
    const token = tokenOf(accounts, account);
    const owner = ownerOf(accounts, account);
    need(tokenLedgers.includes(token), `account ${account} is of token ${token}`);
    need(owner >= NOBODY && owner < owners.count, `account ${account} has owner ${owner}`);
    const known = findAccount(accounts, wordsAt(accounts.rows, account), wordAt(account) + ID_WORD);
    need(known === -1, `account ${account} has the id of account ${known}`);
    indexAccount(accounts, account);
    for (const sum of SUMS) {
      const value = narrowSum(accounts, account, sum);
      const good = Number.isSafeInteger(value) && !Object.is(value, -0) && value >= 0;
      need(good && (value === 0 || !isWide(accounts, account)), `account ${account} has a sum of ${value}`);
      countSmall(totals, token, sum, value);
    }
  }
}

export function takeUserData({ accounts }: Ledger, slice: Slice, counts: TableCounts): void {
  needWhole(slice, USER_WORDS, "user data");
  const chunk = slice.first / CHUNK_ROWS;
  const count = Math.min(CHUNK_ROWS, counts.accounts - slice.first);
  const due = Number.isInteger(chunk) && slice.count === count && accounts.userData[chunk] === undefined;
  need(due, `user data from ${slice.first} on are not due`);
  accounts.userData[chunk] = new Int32Array(CHUNK_ROWS * USER_WORDS);
  accounts.userData[chunk].set(slice.body);
}

export function takeWideSums({ accounts, totals }: Ledger, slice: Slice, counts: TableCounts): void {
  needWhole(slice, WIDE_WORDS, "wide sums");
  for (let nth = 0; nth < slice.count; nth++) {
    const at = nth * WIDE_WORDS;
    const account = slice.body[at] as number;
    const due = account >= 0 && account < counts.accounts && isWide(accounts, account) && !accounts.wide.has(account);
    need(due, `wide sums of account ${account} are not due`);
    const sums = SUMS.map((sum) => readU128(slice.body, at + 1 + 4 * sum));
    need(
      sums.some((sum) => sum >= NARROW_END && sum <= U128_MAX),
      `wide sums of account ${account} are not wide`,
    );
    accounts.wide.set(account, sums);
    for (const sum of SUMS) count(totals, tokenOf(accounts, account), sum, sums[sum] as bigint);
  }
}

export function takePending({ pending, accounts, owners }: Ledger, slice: Slice, counts: TableCounts): void {
  needWhole(slice, ROW_WORDS, "pending transfers");
  takeRows(pending.rows, slice, counts.pending, "pending transfers");
  for (let row = slice.first; row < slice.first + slice.count; row++) {
    if (!isTaken(pending, row)) continue;
    const { id, debit, credit, agent, code } = pendingIn(wordsAt(pending.rows, row), wordAt(row));
    const isAccount = (number: number): boolean => number >= 0 && number < accounts.rows.count;
    need(isAccount(debit) && isAccount(credit), `pending row ${row} has accounts ${debit} and ${credit}`);
    need(tokenOf(accounts, debit) === tokenOf(accounts, credit), `pending row ${row} is of two tokens`);
    need(agent >= NOBODY && agent < owners.count, `pending row ${row} has agent ${agent}`);
    need(code > 0 && code <= 0xffff, `pending row ${row} has code ${code}`);
    need(nextFree(pending, row) === 0, `pending row ${row} is taken and free`);
    need(findPending(pending, id) === -1, `pending row ${row} has the id of another`);
    indexPending(pending, row);
  }
}

/** Wide accounts have their sums, and what accounts hold pending is what pending transfers hold. */
export function checkSums({ accounts, pending }: Ledger): void {
  const debits = new Map<number, bigint>();
  const credits = new Map<number, bigint>();
  const add = (to: Map<number, bigint>, account: number, amount: bigint): unknown =>
    to.set(account, (to.get(account) ?? 0n) + amount);
  for (let row = 0; row < pending.rows.count; row++) {
    if (!isTaken(pending, row)) continue;
    const { debit, credit, amount } = readPending(pending, row);
    add(debits, debit, amount);
    add(credits, credit, amount);
  }
  for (let account = 0; account < accounts.rows.count; account++) {
    need(!isWide(accounts, account) || accounts.wide.has(account), `account ${account} lacks its sums`);
    for (const [sum, held] of [
      [SUM.debitsPending, debits],
      [SUM.creditsPending, credits],
    ] as const)
      need(
        sumOf(accounts, account, sum) === (held.get(account) ?? 0n),
        `account ${account} holds something else pending than its transfers`,
      );
  }
}

/** Every row that is not taken stands in the list of free ones, once, and is empty. */
export function checkFreeRows(pending: PendingTable): void {
  let free = 0;
  for (let next = pending.firstFree; next !== 0; next = nextFree(pending, next - 1)) {
    const row = next - 1;
    free += 1;
    need(row >= 0 && row < pending.rows.count && free <= pending.rows.count, `free row ${row} is not there`);
    const used = wordsAt(pending.rows, row).subarray(wordAt(row), wordAt(row) + NEXT_WORD);
    need(!isTaken(pending, row) && used.every((word) => word === 0), `free row ${row} is not empty`);
  }
  need(free + pending.taken === pending.rows.count, "a pending row is neither taken nor free");
}

export function takeIds({ ids }: Ledger, slice: Slice): void {
  needWhole(slice, ENTRY_WORDS, "ids");
  need(hasRoomForIds(ids, slice.count), "it has too many ids");
  need(slice.of >= 0, `ids are of minute ${slice.of}`);
  const minute = openMinute(ids, slice.of);
  need(slice.first === minute.count, `ids of minute ${slice.of} are out of order`);
  for (let at = 0; at < slice.body.length; at += ENTRY_WORDS) {
    const [head, low, high, printLow, printHigh] = slice.body.subarray(at, at + ENTRY_WORDS) as unknown as Entry;
    need(head >>> 16 < MINUTE_MS, `an id of minute ${slice.of} is of another`);
    const hash = hashEntry(ids.keys, head, low, high);
    need(findEntry(minute, head, low, high, hash) === -1, `an id of minute ${slice.of} stands there twice`);
    ids.print[0] = printLow;
    ids.print[1] = printHigh;
    addEntry(ids, minute, head, low, high, hash);
  }
}

type Entry = [head: number, low: number, high: number, printLow: number, printHigh: number];

export function takeMarks({ ids }: Ledger, slice: Slice): void {
  needWhole(slice, 1, "marks");
  const minute = ids.minutes.get(slice.of);
  need(minute !== undefined && slice.first === minute.marks.length, `marks of minute ${slice.of} are out of order`);
  for (const word of slice.body) {
    const entry = word >>> 2;
    const state = word & 3;
    need(entry < minute.count, `a mark of minute ${slice.of} is of entry ${entry}`);
    const before = state === IdState.pending ? IdState.plain : IdState.pending;
    need(state !== IdState.plain && stateAt(minute, entry) === before, `a mark of minute ${slice.of} comes too often`);
    mark(minute, entry, state);
  }
}
