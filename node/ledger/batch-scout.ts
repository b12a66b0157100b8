import { BATCH_RECORDS_MAX } from "../codec/batch.ts";
import { type Accounts, fetchAccount, findAccount, hashAccount } from "./accounts.ts";
import { fetchSlot, hashEntry, headAt, type KnownIds, MINUTE_MS, millisAt, minuteAt, minuteOf } from "./known-ids.ts";
import { RECORD_WORDS, Word } from "./transfer-words.ts";

/**
 * What a first pass over the records of a batch finds: accounts by number, and of the ids the heads of their entries and
 * their hashes. It changes nothing, and its reads do not wait for each other, so that the second pass, whose reads do, has
 * in the cache what it needs: memory is what execution waits for.
 */
export type Scouted = {
  readonly payers: Int32Array;
  readonly payees: Int32Array;
  readonly payeeHashes: Int32Array;
  readonly heads: Int32Array;
  readonly hashes: Int32Array;
  /** Keeps the compiler from dropping reads whose values nobody needs. */
  sink: number;
};

export const newScouted = (): Scouted => ({
  payers: new Int32Array(BATCH_RECORDS_MAX),
  payees: new Int32Array(BATCH_RECORDS_MAX),
  payeeHashes: new Int32Array(BATCH_RECORDS_MAX),
  heads: new Int32Array(BATCH_RECORDS_MAX),
  hashes: new Int32Array(BATCH_RECORDS_MAX),
  sink: 0,
});

// Copies of imported numbers: the compiler takes them for the constants that they are only in their own module.
const WORDS = RECORD_WORDS;
const { debit: DEBIT, credit: CREDIT } = Word;

/** No batch of transfers opens accounts, so what is found here holds until its end. */
export function scout(
  scouted: Scouted,
  { accounts, ids }: { readonly accounts: Accounts; readonly ids: KnownIds },
  words: Int32Array,
): void {
  const { payers, payees, payeeHashes, heads, hashes } = scouted;
  const count = words.length / WORDS;
  let sink = 0;
  for (let record = 0; record < count; record++) {
    const at = record * WORDS;
    const payeeHash = hashAccount(accounts, words, at + CREDIT);
    payeeHashes[record] = payeeHash;
    sink ^= fetchAccount(accounts, payeeHash);
    const idMs = millisAt(words, at);
    const minute = minuteAt(ids, idMs);
    const head = headAt(words, at, minute === undefined ? minuteOf(idMs) * MINUTE_MS : minute.startMs);
    const hash = hashEntry(ids.keys, head, words[at] as number, words[at + 1] as number);
    heads[record] = head;
    hashes[record] = hash;
    if (minute !== undefined) sink ^= fetchSlot(minute, hash);
  }
  scouted.sink = sink;
  for (let record = 0; record < count; record++) {
    const at = record * WORDS;
    payees[record] = findAccount(accounts, words, at + CREDIT, payeeHashes[record] as number);
    // A batch often has one payer.
    payers[record] =
      record > 0 && samePayer(words, at) ? (payers[record - 1] as number) : findAccount(accounts, words, at + DEBIT);
  }
}

/** Whether the record before is of the same payer. */
function samePayer(words: Int32Array, at: number): boolean {
  const here = at + DEBIT;
  const before = here - WORDS;
  return (
    words[here] === words[before] &&
    words[here + 1] === words[before + 1] &&
    words[here + 2] === words[before + 2] &&
    words[here + 3] === words[before + 3]
  );
}
