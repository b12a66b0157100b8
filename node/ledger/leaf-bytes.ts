import { toHex } from "../base/bytes.ts";
import { nanos } from "../base/units.ts";
import type { Account } from "./account.ts";
import {
  FLAGS_MAX,
  FLAGS_SHIFT,
  ID_WORD,
  isWide,
  META_WORD,
  narrowSum,
  OWNER_WORD,
  SUM,
  SUMS,
  sumOf,
  TIME_WORD,
  TOKEN_MAX,
  TOKEN_SHIFT,
  userDataOf,
  WIDE,
} from "./accounts.ts";
import type { Ledger } from "./ledger.ts";
import { NOBODY, OWNER_BYTES, ownerWords } from "./owners.ts";
import { BUCKET_ROWS, ROW_WORDS, wordAt, wordsAt } from "./rows.ts";
import { readU64, readU128, wordsOf, writeU128 } from "./words.ts";

/**
 * What the state root commits to of one bucket: canonical, so that equal states have equal bytes whatever way they came
 * about, and whole, so that a proof needs nothing beside it. An account, in words: id @0, owner key @4, user data @12, meta
 * (code, flags, token) @19, time of creation @20, 1 @22 if it has an owner, then the four sums of four words each.
 */
const OWNER_AT = 4;
const USER_AT = 12;
const META_AT = 19;
const TIME_AT = 20;
const OWNED_AT = 22;
const SUMS_AT = 23;
const ACCOUNT_WORDS = SUMS_AT + 4 * 4;
export const ACCOUNT_LEAF_BYTES = 4 * ACCOUNT_WORDS;
const WORD = 2 ** 32;

/** Encodes buckets of accounts, each into the same memory. */
export function accountLeaves({
  accounts,
  owners,
}: Pick<Ledger, "accounts" | "owners">): (bucket: number) => Uint8Array {
  const out = new Int32Array(BUCKET_ROWS * ACCOUNT_WORDS);
  const encode = (account: number, to: number): void => {
    const words = wordsAt(accounts.rows, account);
    const at = wordAt(account);
    for (let word = 0; word < 4; word++) out[to + word] = words[at + ID_WORD + word] as number;
    const owner = words[at + OWNER_WORD] as number;
    if (owner !== NOBODY) out.set(ownerWords(owners, owner), to + OWNER_AT);
    const data = userDataOf(accounts, account);
    if (data !== undefined) out.set(data, to + USER_AT);
    out[to + META_AT] = (words[at + META_WORD] as number) & ~WIDE;
    out[to + TIME_AT] = words[at + TIME_WORD] as number;
    out[to + TIME_AT + 1] = words[at + TIME_WORD + 1] as number;
    out[to + OWNED_AT] = owner === NOBODY ? 0 : 1;
    const wide = isWide(accounts, account);
    for (const sum of SUMS) {
      const sumAt = to + SUMS_AT + 4 * sum;
      if (wide) writeU128(out, sumAt, sumOf(accounts, account, sum));
      else {
        const value = narrowSum(accounts, account, sum);
        out[sumAt] = value;
        out[sumAt + 1] = value / WORD;
      }
    }
  };
  return (bucket) => {
    out.fill(0);
    const first = bucket * BUCKET_ROWS;
    const count = Math.min(BUCKET_ROWS, accounts.rows.count - first);
    for (let nth = 0; nth < count; nth++) encode(first + nth, nth * ACCOUNT_WORDS);
    return new Uint8Array(out.buffer, 0, count * ACCOUNT_LEAF_BYTES);
  };
}

/** The accounts in the bytes of a bucket, or undefined if they are no whole accounts. */
export function accountsIn(bytes: Uint8Array): Account[] | undefined {
  if (bytes.length % ACCOUNT_LEAF_BYTES !== 0 || bytes.length > BUCKET_ROWS * ACCOUNT_LEAF_BYTES) return undefined;
  const words = wordsOf(bytes);
  return Array.from({ length: bytes.length / ACCOUNT_LEAF_BYTES }, (_, nth) => {
    const at = nth * ACCOUNT_WORDS;
    const key = bytes.subarray(4 * (at + OWNER_AT), 4 * (at + OWNER_AT) + OWNER_BYTES);
    const meta = words[at + META_AT] as number;
    const sum = (place: number): bigint => readU128(words, at + SUMS_AT + 4 * place);
    return {
      id: readU128(words, at),
      owner: words[at + OWNED_AT] === 0 ? undefined : toHex(key),
      ledger: (meta >>> TOKEN_SHIFT) & TOKEN_MAX,
      code: meta & 0xffff,
      flags: (meta >>> FLAGS_SHIFT) & FLAGS_MAX,
      userData128: readU128(words, at + USER_AT),
      userData64: readU64(words, at + USER_AT + 4),
      userData32: (words[at + USER_AT + 6] as number) >>> 0,
      createdAt: nanos(readU64(words, at + TIME_AT)),
      debitsPending: sum(SUM.debitsPending),
      debitsPosted: sum(SUM.debitsPosted),
      creditsPending: sum(SUM.creditsPending),
      creditsPosted: sum(SUM.creditsPosted),
    };
  });
}

const AGENT_WORD = 10;
const PENDING_WORDS = ROW_WORDS + OWNER_BYTES / 4;

/** Encodes buckets of pending transfers: rows as they are, but an agent by its key behind them. */
export function pendingLeaves({ pending, owners }: Pick<Ledger, "pending" | "owners">): (bucket: number) => Uint8Array {
  const out = new Int32Array(BUCKET_ROWS * PENDING_WORDS);
  return (bucket) => {
    out.fill(0);
    const first = bucket * BUCKET_ROWS;
    const count = Math.min(BUCKET_ROWS, pending.rows.count - first);
    for (let nth = 0; nth < count; nth++) {
      const at = wordAt(first + nth);
      const to = nth * PENDING_WORDS;
      out.set(wordsAt(pending.rows, first + nth).subarray(at, at + ROW_WORDS), to);
      const agent = out[to + AGENT_WORD] as number;
      if (agent === NOBODY) continue;
      out[to + AGENT_WORD] = 1;
      out.set(ownerWords(owners, agent), to + ROW_WORDS);
    }
    return new Uint8Array(out.buffer, 0, 4 * count * PENDING_WORDS);
  };
}
