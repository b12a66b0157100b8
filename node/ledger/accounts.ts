import { assert } from "../base/assert.ts";
import { nanos } from "../base/units.ts";
import type { Account } from "./account.ts";
import { type MixKeys, mix4 } from "./mix.ts";
import { type Owners, ownerKey } from "./owners.ts";
import {
  appendRow,
  CHUNK_MASK,
  CHUNK_ROWS,
  CHUNK_SHIFT,
  dropRow,
  newRows,
  ROW_WORDS,
  type Rows,
  touch,
  wordAt,
  wordsAt,
} from "./rows.ts";
import { insert, NUMBERS_MAX, numberIn, remove, type SlotIndex, segmentOf, slotIndex, slotMask } from "./slot-index.ts";
import { readU64, readU128, writeU64, writeU128 } from "./words.ts";

/**
 * All accounts, numbered in the order of their creation. A row: four sums as numbers @0, id @8 (in words), owner @12, `meta`
 * @13, time of creation @14. A sum of 2⁵³ or more is exact no longer as a number: such an account is wide and has its
 * sums in a map instead.
 */
export type Accounts = {
  readonly keys: MixKeys;
  readonly rows: Rows;
  readonly index: SlotIndex;
  /** Hash of an account's id, for the index. */
  readonly hashOf: (account: number) => number;
  /** By account, the sums of wide ones in the order of `SUM`. */
  readonly wide: Map<number, readonly bigint[]>;
  /** Per chunk the user data of its accounts, once one of them has some. */
  readonly userData: (Int32Array | undefined)[];
  readonly key: Int32Array;
};

export const ACCOUNTS_MAX = NUMBERS_MAX;
/** Places of the four sums in a row. */
export const SUM = { debitsPending: 0, debitsPosted: 1, creditsPending: 2, creditsPosted: 3 } as const;
export const SUMS = Object.values(SUM);
/** Numbers in a row, of which the sums are the first four. */
export const ROW_NUMBERS = 8;
export const ID_WORD = 8;
export const OWNER_WORD = 12;
export const META_WORD = 13;
export const TIME_WORD = 14;
export const USER_WORDS = 7;
/** Of `meta`: code in the lower 16 bits, flags, token, and whether the account is wide. */
export const FLAGS_SHIFT = 16;
export const FLAGS_MAX = 0xff;
export const TOKEN_SHIFT = 24;
export const TOKEN_MAX = 0x7f;
export const WIDE = 1 << 31;
/** Sums from here on make an account wide. */
export const NARROW_END = 2n ** 53n;

/** What `meta` is above the code for a narrow account of a token with these flags. */
export const metaOf = ({ token, flags }: { token: number; flags: number }): number =>
  (token << TOKEN_SHIFT) | (flags << FLAGS_SHIFT);
export const META_MASK = ~0xffff;

// Copies of imported numbers: the compiler takes them for the constants that they are only in their own module.
const [SHIFT, MASK, ROW] = [CHUNK_SHIFT, CHUNK_MASK, ROW_WORDS];

export function createAccounts(keys: MixKeys): Accounts {
  const rows = newRows();
  const hashOf = (account: number): number => hashId(keys, wordsAt(rows, account), wordAt(account) + ID_WORD);
  return { keys, rows, index: slotIndex(), hashOf, wide: new Map(), userData: [], key: new Int32Array(4) };
}

export const hashAccount = (accounts: Accounts, words: Int32Array, at: number): number =>
  hashId(accounts.keys, words, at);

/** Reads where the account of that hash will be looked for, so that the memory is near when it is. */
export function fetchAccount(accounts: Accounts, hash: number): number {
  const segment = segmentOf(accounts.index, hash);
  return segment[hash & slotMask(segment)] as number;
}

const hashId = (keys: MixKeys, words: Int32Array, at: number): number =>
  mix4(keys, words[at] as number, words[at + 1] as number, words[at + 2] as number, words[at + 3] as number);

/** Number of the account whose id stands at `at`, or -1. */
export function findAccount(
  accounts: Accounts,
  words: Int32Array,
  at: number,
  hash = hashId(accounts.keys, words, at),
): number {
  const a = words[at] as number;
  const b = words[at + 1] as number;
  const c = words[at + 2] as number;
  const d = words[at + 3] as number;
  const segment = segmentOf(accounts.index, hash);
  const mask = slotMask(segment);
  for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
    const entry = segment[slot] as number;
    if (entry === 0) return -1;
    const account = numberIn(entry, hash);
    if (account < 0) continue;
    const row = accounts.rows.words[account >>> SHIFT] as Int32Array;
    const id = (account & MASK) * ROW + ID_WORD;
    if (row[id] === a && row[id + 1] === b && row[id + 2] === c && row[id + 3] === d) return account;
  }
}

export function findAccountId(accounts: Accounts, id: bigint): number {
  writeU128(accounts.key, 0, id);
  return findAccount(accounts, accounts.key, 0);
}

/** Adds an account without sums. */
export function appendAccount(accounts: Accounts, account: Account, owner: number): number {
  assert(findAccountId(accounts, account.id) === -1, "account is new");
  assert(account.flags >= 0 && account.flags <= FLAGS_MAX, "flags of an account fit their bits");
  assert(account.ledger > 0 && account.ledger <= TOKEN_MAX, "token of an account fits its bits");
  const number = appendRow(accounts.rows);
  const words = wordsAt(accounts.rows, number);
  const at = wordAt(number);
  writeU128(words, at + ID_WORD, account.id);
  words[at + OWNER_WORD] = owner;
  words[at + META_WORD] = metaOf({ token: account.ledger, flags: account.flags }) | account.code;
  writeU64(words, at + TIME_WORD, account.createdAt);
  writeUserData(accounts, number, account);
  indexAccount(accounts, number);
  return number;
}

export function indexAccount(accounts: Accounts, number: number): void {
  insert(accounts.index, accounts.hashOf(number), number, accounts.hashOf);
}

function writeUserData(accounts: Accounts, number: number, account: Account): void {
  const chunk = number >>> CHUNK_SHIFT;
  let words = accounts.userData[chunk];
  if (words === undefined) {
    if (account.userData128 === 0n && account.userData64 === 0n && account.userData32 === 0) return;
    words = new Int32Array(CHUNK_ROWS * USER_WORDS);
    accounts.userData[chunk] = words;
  }
  const at = (number & CHUNK_MASK) * USER_WORDS;
  writeU128(words, at, account.userData128);
  writeU64(words, at + 4, account.userData64);
  words[at + 6] = account.userData32;
}

/** Takes the newest account back. Its user data is overwritten by the next one. */
export function dropAccount(accounts: Accounts, account: number): void {
  remove(accounts.index, accounts.hashOf(account), account, accounts.hashOf);
  accounts.wide.delete(account);
  dropRow(accounts.rows, account);
}

const metaAt = (accounts: Accounts, account: number): number =>
  wordsAt(accounts.rows, account)[wordAt(account) + META_WORD] as number;

export const codeOf = (accounts: Accounts, account: number): number => metaAt(accounts, account) & 0xffff;
export const flagsOf = (accounts: Accounts, account: number): number =>
  (metaAt(accounts, account) >>> FLAGS_SHIFT) & FLAGS_MAX;
export const tokenOf = (accounts: Accounts, account: number): number =>
  (metaAt(accounts, account) >>> TOKEN_SHIFT) & TOKEN_MAX;
export const isWide = (accounts: Accounts, account: number): boolean => metaAt(accounts, account) < 0;
export const ownerOf = (accounts: Accounts, account: number): number =>
  wordsAt(accounts.rows, account)[wordAt(account) + OWNER_WORD] as number;
export const idOf = (accounts: Accounts, account: number): bigint =>
  readU128(wordsAt(accounts.rows, account), wordAt(account) + ID_WORD);
export const createdAt = (accounts: Accounts, account: number): bigint =>
  readU64(wordsAt(accounts.rows, account), wordAt(account) + TIME_WORD);

export function writeOwner(accounts: Accounts, account: number, owner: number): void {
  touch(accounts.rows, account);
  wordsAt(accounts.rows, account)[wordAt(account) + OWNER_WORD] = owner;
}

/** The account's words of user data, or undefined if they are all zero. */
export const userDataOf = (accounts: Accounts, account: number): Int32Array | undefined =>
  accounts.userData[account >>> CHUNK_SHIFT]?.subarray(
    (account & CHUNK_MASK) * USER_WORDS,
    ((account & CHUNK_MASK) + 1) * USER_WORDS,
  );

/** One of the four sums, by its place. */
export const sumOf = (accounts: Accounts, account: number, sum: number): bigint =>
  isWide(accounts, account) ? (accounts.wide.get(account)?.[sum] as bigint) : BigInt(narrowSum(accounts, account, sum));

export const narrowSum = (accounts: Accounts, account: number, sum: number): number =>
  (accounts.rows.doubles[account >>> CHUNK_SHIFT] as Float64Array)[
    (account & CHUNK_MASK) * ROW_NUMBERS + sum
  ] as number;

export function writeSum(accounts: Accounts, account: number, sum: number, value: bigint): void {
  touch(accounts.rows, account);
  const doubles = accounts.rows.doubles[account >>> CHUNK_SHIFT] as Float64Array;
  const at = (account & CHUNK_MASK) * ROW_NUMBERS;
  if (value < NARROW_END && !isWide(accounts, account)) {
    doubles[at + sum] = Number(value);
    return;
  }
  const sums = SUMS.map((other) => (other === sum ? value : sumOf(accounts, account, other)));
  // How an account is kept follows from its sums alone, whatever it went through.
  const wide = sums.some((each) => each >= NARROW_END);
  for (const [other, each] of sums.entries()) doubles[at + other] = wide ? 0 : Number(each);
  const words = wordsAt(accounts.rows, account);
  const meta = wordAt(account) + META_WORD;
  words[meta] = wide ? (words[meta] as number) | WIDE : (words[meta] as number) & ~WIDE;
  if (wide) accounts.wide.set(account, sums);
  else accounts.wide.delete(account);
}

/** The account as it stands, for questions from outside. */
export function readAccount(accounts: Accounts, owners: Owners, account: number): Account {
  const data = userDataOf(accounts, account);
  return {
    id: idOf(accounts, account),
    owner: ownerKey(owners, ownerOf(accounts, account)),
    ledger: tokenOf(accounts, account),
    code: codeOf(accounts, account),
    flags: flagsOf(accounts, account),
    userData128: data === undefined ? 0n : readU128(data, 0),
    userData64: data === undefined ? 0n : readU64(data, 4),
    userData32: data === undefined ? 0 : (data[6] as number) >>> 0,
    createdAt: nanos(createdAt(accounts, account)),
    debitsPending: sumOf(accounts, account, SUM.debitsPending),
    debitsPosted: sumOf(accounts, account, SUM.debitsPosted),
    creditsPending: sumOf(accounts, account, SUM.creditsPending),
    creditsPosted: sumOf(accounts, account, SUM.creditsPosted),
  };
}
