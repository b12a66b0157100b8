import { assert } from "../base/assert.ts";
import { type MixKeys, mix4 } from "./mix.ts";
import { appendRow, dropRow, newRows, ROW_WORDS, type Rows, touch, wordAt, wordsAt } from "./rows.ts";
import { insert, NUMBERS_MAX, numberIn, remove, type SlotIndex, segmentOf, slotIndex, slotMask } from "./slot-index.ts";
import { compareWords, readU64, readU128, reserve, type WordList, wordList, writeU64, writeU128 } from "./words.ts";

/**
 * Two-phase transfers that are neither posted nor voided nor expired, with all that resolving them needs. A row, in
 * words: id @0, amount @4, debit account's number @8, credit account's @9, owner number of the agent @10, code @11, time of
 * expiry @12, next free row @14 (one more, zero for none), 1 @15 while it is taken. Free rows form a list, the last
 * freed first.
 */
export type PendingTable = {
  readonly keys: MixKeys;
  readonly rows: Rows;
  readonly index: SlotIndex;
  readonly hashOf: (row: number) => number;
  /** First free row and one, or 0. */
  firstFree: number;
  taken: number;
  readonly timers: Timers;
  readonly key: Int32Array;
};

/** Rows by time of expiry, then id: a binary heap, and where each row stands in it. */
type Timers = { readonly heap: WordList; places: Int32Array };

export type PendingTransfer = {
  readonly id: bigint;
  readonly amount: bigint;
  /** Numbers of the accounts. */
  readonly debit: number;
  readonly credit: number;
  /** Number of the owner that may resolve it beside the payer; 0 for none. */
  readonly agent: number;
  readonly code: number;
  /** Block time from which it is void; 0: never. */
  readonly expiresAt: bigint;
};

export const PENDING_MAX = NUMBERS_MAX;
const EXPIRY_WORD = 12;
export const NEXT_WORD = 14;
const TAKEN_WORD = 15;

export function createPending(keys: MixKeys): PendingTable {
  const rows = newRows();
  const hashOf = (row: number): number => hashId(keys, wordsAt(rows, row), wordAt(row));
  const timers = { heap: wordList(), places: new Int32Array(64) };
  return { keys, rows, index: slotIndex(), hashOf, firstFree: 0, taken: 0, timers, key: new Int32Array(4) };
}

const hashId = (keys: MixKeys, words: Int32Array, at: number): number =>
  mix4(keys, words[at] as number, words[at + 1] as number, words[at + 2] as number, words[at + 3] as number);

/** Row of the pending transfer with that id, or -1. */
export function findPending(pending: PendingTable, id: bigint): number {
  const key = pending.key;
  writeU128(key, 0, id);
  const hash = hashId(pending.keys, key, 0);
  const segment = segmentOf(pending.index, hash);
  const mask = slotMask(segment);
  for (let slot = hash & mask; segment[slot] !== 0; slot = (slot + 1) & mask) {
    const row = numberIn(segment[slot] as number, hash);
    if (row >= 0 && readU128(wordsAt(pending.rows, row), wordAt(row)) === id) return row;
  }
  return -1;
}

export const readPending = (pending: PendingTable, row: number): PendingTransfer =>
  pendingIn(wordsAt(pending.rows, row), wordAt(row));

/** The pending transfer in the words of a row. */
export function pendingIn(words: Int32Array, at: number): PendingTransfer {
  return {
    id: readU128(words, at),
    amount: readU128(words, at + 4),
    debit: words[at + 8] as number,
    credit: words[at + 9] as number,
    agent: words[at + 10] as number,
    code: words[at + 11] as number,
    expiresAt: readU64(words, at + EXPIRY_WORD),
  };
}

export const isTaken = (pending: PendingTable, row: number): boolean =>
  wordsAt(pending.rows, row)[wordAt(row) + TAKEN_WORD] === 1;

/** The next free row and one, or 0. */
export const nextFree = (pending: PendingTable, row: number): number =>
  wordsAt(pending.rows, row)[wordAt(row) + NEXT_WORD] as number;

/** Takes a row for it: answers which, and whether the table grew by it. */
export function addPending(pending: PendingTable, transfer: PendingTransfer): { row: number; grown: boolean } {
  assert(findPending(pending, transfer.id) === -1, "pending transfer is new");
  const grown = pending.firstFree === 0;
  const row = grown ? appendRow(pending.rows) : pending.firstFree - 1;
  touch(pending.rows, row);
  const words = wordsAt(pending.rows, row);
  const at = wordAt(row);
  if (!grown) pending.firstFree = nextFree(pending, row);
  writeU128(words, at, transfer.id);
  writeU128(words, at + 4, transfer.amount);
  words[at + 8] = transfer.debit;
  words[at + 9] = transfer.credit;
  words[at + 10] = transfer.agent;
  words[at + 11] = transfer.code;
  writeU64(words, at + EXPIRY_WORD, transfer.expiresAt);
  words[at + NEXT_WORD] = 0;
  words[at + TAKEN_WORD] = 1;
  indexPending(pending, row);
  return { row, grown };
}

/** Makes a row that is written findable, and sets its timer. */
export function indexPending(pending: PendingTable, row: number): void {
  insert(pending.index, pending.hashOf(row), row, pending.hashOf);
  pending.taken += 1;
  if (readU64(wordsAt(pending.rows, row), wordAt(row) + EXPIRY_WORD) !== 0n) setTimer(pending, row);
}

/** Frees the row of a pending transfer that is resolved, expired or taken back; `grown` as `addPending` answered. */
export function removePending(pending: PendingTable, row: number, grown = false): void {
  assert(isTaken(pending, row), "pending transfer is there");
  if (readU64(wordsAt(pending.rows, row), wordAt(row) + EXPIRY_WORD) !== 0n) clearTimer(pending, row);
  remove(pending.index, pending.hashOf(row), row, pending.hashOf);
  pending.taken -= 1;
  if (grown) {
    dropRow(pending.rows, row);
    return;
  }
  touch(pending.rows, row);
  const words = wordsAt(pending.rows, row);
  const at = wordAt(row);
  words.fill(0, at, at + ROW_WORDS);
  words[at + NEXT_WORD] = pending.firstFree;
  pending.firstFree = row + 1;
}

/** Row of the pending transfer that expires next if it does so at or before `now`, otherwise -1. */
export function dueRow(pending: PendingTable, now: bigint): number {
  const { heap } = pending.timers;
  if (heap.length === 0) return -1;
  const row = heap.words[0] as number;
  return readU64(wordsAt(pending.rows, row), wordAt(row) + EXPIRY_WORD) <= now ? row : -1;
}

function setTimer(pending: PendingTable, row: number): void {
  const { timers } = pending;
  if (row >= timers.places.length) {
    const larger = new Int32Array(Math.max(2 * timers.places.length, row + 1));
    larger.set(timers.places);
    timers.places = larger;
  }
  reserve(timers.heap, 1);
  timers.heap.length += 1;
  rise(pending, timers.heap.length - 1, row);
}

function clearTimer(pending: PendingTable, row: number): void {
  const { heap, places } = pending.timers;
  const place = places[row] as number;
  assert(heap.words[place] === row, "timer stands where it is said to");
  heap.length -= 1;
  const last = heap.words[heap.length] as number;
  if (last === row) return;
  const above = heap.words[(place - 1) >> 1] as number;
  if (place > 0 && isBefore(pending, last, above)) rise(pending, place, last);
  else sink(pending, place, last);
}

function put({ heap, places }: Timers, place: number, row: number): void {
  heap.words[place] = row;
  places[row] = place;
}

function rise(pending: PendingTable, from: number, row: number): void {
  const { heap } = pending.timers;
  let place = from;
  while (place > 0) {
    const above = heap.words[(place - 1) >> 1] as number;
    if (!isBefore(pending, row, above)) break;
    put(pending.timers, place, above);
    place = (place - 1) >> 1;
  }
  put(pending.timers, place, row);
}

function sink(pending: PendingTable, from: number, row: number): void {
  const { heap } = pending.timers;
  let place = from;
  for (let child = 2 * place + 1; child < heap.length; child = 2 * place + 1) {
    const right = child + 1;
    if (right < heap.length && isBefore(pending, heap.words[right] as number, heap.words[child] as number))
      child = right;
    if (!isBefore(pending, heap.words[child] as number, row)) break;
    put(pending.timers, place, heap.words[child] as number);
    place = child;
  }
  put(pending.timers, place, row);
}

/** Equal times go by id, so that every node lets them expire in one order. */
function isBefore(pending: PendingTable, one: number, other: number): boolean {
  const [a, b] = [wordsAt(pending.rows, one), wordsAt(pending.rows, other)];
  const [atA, atB] = [wordAt(one), wordAt(other)];
  const order = compareWords(a, atA + EXPIRY_WORD, b, atB + EXPIRY_WORD, 2);
  return (order === 0 ? compareWords(a, atA, b, atB, 4) : order) < 0;
}
