import { assert } from "../base/assert.ts";
import { accountFlags } from "../codec/account.ts";
import { BATCH_RECORDS_MAX } from "../codec/batch.ts";
import { TRANSFER_BYTES, transferFlags } from "../codec/transfer.ts";
import { META_MASK, META_WORD, metaOf, OWNER_WORD, ROW_NUMBERS, SUM } from "./accounts.ts";
import { scout } from "./batch-scout.ts";
import { applyChains } from "./chains.ts";
import { APPLIED, EXISTS, numberOf } from "./codes.ts";
import { createTransfer } from "./create-transfer.ts";
import { countPlain, noteBatch } from "./journal.ts";
import {
  addEntry,
  blockMillis,
  findEntry,
  hasPrint,
  ID_FUTURE_MS,
  inWindow,
  millisAt,
  minuteAt,
  minuteOf,
  openMinute,
} from "./known-ids.ts";
import type { Ledger, Moment } from "./ledger.ts";
import { mixTransfer } from "./mix.ts";
import { findOwner, NOBODY } from "./owners.ts";
import { CHUNK_MASK, CHUNK_SHIFT, ROW_WORDS, touch } from "./rows.ts";
import { countSmall } from "./running-totals.ts";
import { TOKENS } from "./tokens.ts";
import { RECORD_WORDS, Word } from "./transfer-words.ts";
import { readPair, wordsOf } from "./words.ts";

/** One batch under way: its records as words, and what holds for all of them. */
export type TransferBatch = {
  readonly payload: Uint8Array;
  readonly words: Int32Array;
  readonly moment: Moment;
  readonly nowMs: number;
  /** Number of the owner that signed it, -1 if its key owns nothing. */
  readonly signer: number;
};

const NOT_PLAIN = -1;
const DIFFERENT = numberOf("exists_with_different_fields");
const EXCEEDS = numberOf("exceeds_credits");
// Copies of imported numbers: the compiler takes them for the constants that they are only in their own module.
const { amount: AMOUNT, pendingId: PENDING_ID, timeout: TIMEOUT, ledger: LEDGER } = Word;
const { codeAndFlags: CODE_AND_FLAGS, timestamp: TIMESTAMP } = Word;
const { debitsPending: DEBITS_PENDING, debitsPosted: DEBITS, creditsPosted: CREDITS } = SUM;
const { FLX, RES } = TOKENS;
const [WORDS, FUTURE_MS, SHIFT, MASK] = [RECORD_WORDS, ID_FUTURE_MS, CHUNK_SHIFT, CHUNK_MASK];
const [ROW, NUMBERS, META, META_BITS, OWNER] = [ROW_WORDS, ROW_NUMBERS, META_WORD, META_MASK, OWNER_WORD];
const FLX_META = metaOf({ token: FLX, flags: accountFlags.debitsMustNotExceedCredits });
const RES_META = metaOf({ token: RES, flags: accountFlags.debitsMustNotExceedCredits });
const PAIR_HIGH_END = 2 ** 21;
const NARROW_END = 2 ** 53;
const LINKED_IN_WORD = transferFlags.linked << 16;

/**
 * Executes the records of a batch and notes it in the journal; `batch` is its place in the block. Answers a result number
 * per record (codes.ts).
 */
export function executeTransfers(
  ledger: Ledger,
  { payload, batch, moment }: { payload: Uint8Array; batch: number; moment: Moment },
): Uint8Array {
  const words = wordsOf(payload);
  assert(words.length <= BATCH_RECORDS_MAX * WORDS, "records of a batch are bounded");
  const call: TransferBatch = {
    payload,
    words,
    moment,
    nowMs: Number(blockMillis(moment.time)),
    signer: findOwner(ledger.owners, moment.signer),
  };
  scout(ledger.scouted, ledger, words);
  const results = applyChains({
    ledger,
    count: payload.length / TRANSFER_BYTES,
    linked: (record) => ((words[record * WORDS + CODE_AND_FLAGS] as number) & LINKED_IN_WORD) !== 0,
    apply: (record) => {
      const result = applyPlain(ledger, call, record);
      return result === NOT_PLAIN ? createTransfer(ledger, call, record) : result;
    },
  });
  noteBatch(ledger.journal, batch, results);
  return results;
}

/**
 * The way of nearly every transfer: single-phase, FLX or RES, without flags, between clients' accounts, with sums under
 * 2⁵³. Nothing is noted for taking it back: in a linked chain it is the last record, and none after it breaks the chain.
 * Answers `NOT_PLAIN`, and has changed nothing, where anything else is asked for: `createTransfer` has the whole rules in
 * their order, and what is answered here it would answer too.
 */
function applyPlain(ledger: Ledger, { words, nowMs, signer }: TransferBatch, record: number): number {
  const { accounts, ids, scouted } = ledger;
  const at = record * WORDS;
  const codeAndFlags = words[at + CODE_AND_FLAGS] as number;
  const token = words[at + LEDGER] as number;
  const amountHigh = words[at + AMOUNT + 1] as number;
  const zeros =
    (words[at + AMOUNT + 2] as number) |
    (words[at + AMOUNT + 3] as number) |
    (words[at + PENDING_ID] as number) |
    (words[at + PENDING_ID + 1] as number) |
    (words[at + PENDING_ID + 2] as number) |
    (words[at + PENDING_ID + 3] as number) |
    (words[at + TIMEOUT] as number) |
    (words[at + TIMESTAMP] as number) |
    (words[at + TIMESTAMP + 1] as number);
  // Flags stand above the code: a number in 1..2¹⁶ − 1 has none, and a code.
  if (codeAndFlags <= 0 || codeAndFlags > 0xffff || zeros !== 0) return NOT_PLAIN;
  if (amountHigh < 0 || amountHigh >= PAIR_HIGH_END) return NOT_PLAIN;
  if (token !== FLX && token !== RES) return NOT_PLAIN;
  const idMs = millisAt(words, at);
  if (!inWindow(idMs, nowMs) || idMs > nowMs + FUTURE_MS) return NOT_PLAIN;

  mixTransfer(words, at, ids.print);
  const low = words[at] as number;
  const high = words[at + 1] as number;
  const head = scouted.heads[record] as number;
  const hash = scouted.hashes[record] as number;
  const minute = minuteAt(ids, idMs) ?? openMinute(ids, minuteOf(idMs));
  const known = findEntry(minute, head, low, high, hash);
  if (known !== -1) return hasPrint(ids, minute, known) ? EXISTS : DIFFERENT;

  const payer = scouted.payers[record] as number;
  const payee = scouted.payees[record] as number;
  if (payer === -1 || payee === -1 || payer === payee) return NOT_PLAIN;
  const { rows } = accounts;
  const payerWords = rows.words[payer >>> SHIFT] as Int32Array;
  const payeeWords = rows.words[payee >>> SHIFT] as Int32Array;
  const payerAt = (payer & MASK) * ROW;
  const payeeAt = (payee & MASK) * ROW;
  const meta = token === FLX ? FLX_META : RES_META;
  if (((payerWords[payerAt + META] as number) & META_BITS) !== meta) return NOT_PLAIN;
  if (((payeeWords[payeeAt + META] as number) & META_BITS) !== meta) return NOT_PLAIN;
  if (payerWords[payerAt + OWNER] !== signer || payeeWords[payeeAt + OWNER] === NOBODY) return NOT_PLAIN;

  touch(rows, payer);
  touch(rows, payee);
  const payerSums = rows.doubles[payer >>> SHIFT] as Float64Array;
  const payeeSums = rows.doubles[payee >>> SHIFT] as Float64Array;
  const debitAt = (payer & MASK) * NUMBERS;
  const creditsAt = (payee & MASK) * NUMBERS + CREDITS;
  const amount = readPair(words, at + AMOUNT);
  const debits = (payerSums[debitAt + DEBITS] as number) + amount;
  // The sum of two numbers under 2⁵³ may be rounded, but never to one under 2⁵³, as all credits are.
  if ((payerSums[debitAt + DEBITS_PENDING] as number) + debits > (payerSums[debitAt + CREDITS] as number))
    return EXCEEDS;
  const credits = (payeeSums[creditsAt] as number) + amount;
  if (credits >= NARROW_END) return NOT_PLAIN;
  payerSums[debitAt + DEBITS] = debits;
  payeeSums[creditsAt] = credits;
  countSmall(ledger.totals, token, DEBITS, amount);
  countSmall(ledger.totals, token, CREDITS, amount);
  addEntry(ids, minute, head, low, high, hash);
  countPlain(ledger.journal);
  return APPLIED;
}
