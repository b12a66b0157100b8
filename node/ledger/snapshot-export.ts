import { assert } from "../base/assert.ts";
import { SUMS, USER_WORDS } from "./accounts.ts";
import { ENTRY_WORDS, IDS_PER_CHUNK, type Minute } from "./known-ids.ts";
import type { Ledger } from "./ledger.ts";
import { OWNER_WORDS, OWNERS_PER_CHUNK } from "./owners.ts";
import { CHUNK_ROWS, ROW_WORDS, type Rows, release, share } from "./rows.ts";
import {
  HEAD_WORDS,
  MARKS_PER_SLICE,
  ROWS_PER_SLICE,
  SLICE_BYTES_MAX,
  SliceKind,
  SNAPSHOT_VERSION,
  WIDE_WORDS,
} from "./snapshot-format.ts";
import { writeU128 } from "./words.ts";

/** Stands for the snapshot under way: a newer one ends it. */
export type SnapshotReader = { readonly newest: true };

/** A table of rows as it was when the snapshot began. */
type Rowset = { readonly rows: Rows; readonly count: number; readonly chunks: readonly Int32Array[] };

/**
 * Begins a snapshot of the ledger as it is now, between two blocks. Each call answers the next slice, at last undefined;
 * execution goes on meanwhile, and a chunk is copied before it is first written. A newer snapshot ends this one.
 */
export function exportLedger(ledger: Ledger): () => Uint8Array | undefined {
  assert(!ledger.undo.active, "a snapshot begins between blocks");
  const reader: SnapshotReader = { newest: true };
  ledger.snapshot = reader;
  const slices = slicesOf(ledger);
  return () => {
    assert(ledger.snapshot === reader, "one snapshot is read at a time");
    const next = slices.next();
    return next.done === true ? undefined : next.value;
  };
}

/** Takes hold of everything at once, so that what is read later is of one moment. */
function slicesOf({ owners, accounts, pending, ids, journal }: Ledger): Iterator<Uint8Array> {
  const rowset = (rows: Rows): Rowset => ({ rows, count: rows.count, chunks: share(rows) });
  const tables = { accounts: rowset(accounts.rows), pending: rowset(pending.rows) };
  const keys = { count: owners.count, chunks: [...owners.chunks] };
  const userData = [...accounts.userData];
  const wide = [...accounts.wide].toSorted(([a], [b]) => a - b);
  const minutes = [...ids.minutes.values()]
    .filter(({ count }) => count > 0)
    .toSorted((a, b) => a.minute - b.minute)
    .map((minute) => ({ ...minute, chunks: [...minute.chunks], marks: { ...minute.marks } }));
  const head = new Int32Array([
    SNAPSHOT_VERSION,
    owners.count,
    accounts.rows.count,
    pending.rows.count,
    pending.firstFree,
    journal.count,
    journal.count / 2 ** 32,
  ]);
  return (function* () {
    yield slice(SliceKind.head, { of: 0, count: 1, first: 0 }, head);
    for (let first = 0; first < keys.count; first += ROWS_PER_SLICE) {
      const count = Math.min(ROWS_PER_SLICE, keys.count - first);
      const words = part(keys.chunks, OWNERS_PER_CHUNK, OWNER_WORDS, { first, count });
      yield slice(SliceKind.owners, { of: 0, count, first }, words);
    }
    yield* rowSlices(SliceKind.accounts, tables.accounts);
    for (const [chunk, words] of userData.entries()) {
      if (words === undefined) continue;
      const first = chunk * CHUNK_ROWS;
      const count = Math.min(CHUNK_ROWS, tables.accounts.count - first);
      if (count > 0) yield slice(SliceKind.userData, { of: 0, count, first }, words.subarray(0, count * USER_WORDS));
    }
    for (let first = 0; first < wide.length; first += ROWS_PER_SLICE) {
      const sums = wide.slice(first, first + ROWS_PER_SLICE);
      yield slice(SliceKind.wideSums, { of: 0, count: sums.length, first }, wideWords(sums));
    }
    yield* rowSlices(SliceKind.pending, tables.pending);
    for (const minute of minutes) yield* idSlices(minute);
    for (const minute of minutes) yield* markSlices(minute);
    yield slice(SliceKind.end, { of: 0, count: 0, first: 0 }, new Int32Array());
  })();
}

function slice(
  kind: SliceKind,
  { of, count, first }: { of: number; count: number; first: number },
  body: Int32Array,
): Uint8Array {
  const words = new Int32Array(HEAD_WORDS + body.length);
  words.set([kind, of, count, first]);
  words.set(body, HEAD_WORDS);
  assert(words.byteLength <= SLICE_BYTES_MAX, "slices are bounded");
  return new Uint8Array(words.buffer);
}

/** The words of some things that lie in one chunk. */
function part(
  chunks: readonly Int32Array[],
  perChunk: number,
  wordsEach: number,
  { first, count }: { first: number; count: number },
): Int32Array {
  const from = (first % perChunk) * wordsEach;
  return (chunks[Math.floor(first / perChunk)] as Int32Array).subarray(from, from + count * wordsEach);
}

function* rowSlices(kind: SliceKind, { rows, count, chunks }: Rowset): Generator<Uint8Array> {
  for (let first = 0; first < count; first += ROWS_PER_SLICE) {
    const here = Math.min(ROWS_PER_SLICE, count - first);
    yield slice(kind, { of: 0, count: here, first }, part(chunks, CHUNK_ROWS, ROW_WORDS, { first, count: here }));
    const next = first + ROWS_PER_SLICE;
    if (next % CHUNK_ROWS === 0 || next >= count) release(rows, Math.floor(first / CHUNK_ROWS));
  }
}

function wideWords(wide: readonly (readonly [number, readonly bigint[]])[]): Int32Array {
  const words = new Int32Array(wide.length * WIDE_WORDS);
  for (const [nth, [account, sums]] of wide.entries()) {
    words[nth * WIDE_WORDS] = account;
    for (const sum of SUMS) writeU128(words, nth * WIDE_WORDS + 1 + 4 * sum, sums[sum] as bigint);
  }
  return words;
}

function* idSlices({ minute, count, chunks }: Minute): Generator<Uint8Array> {
  for (let first = 0; first < count; first += IDS_PER_CHUNK) {
    const here = Math.min(IDS_PER_CHUNK, count - first);
    const words = (chunks[first / IDS_PER_CHUNK] as Int32Array).subarray(0, here * ENTRY_WORDS);
    yield slice(SliceKind.ids, { of: minute, count: here, first }, words);
  }
}

function* markSlices({ minute, marks }: Minute): Generator<Uint8Array> {
  for (let first = 0; first < marks.length; first += MARKS_PER_SLICE) {
    const here = Math.min(MARKS_PER_SLICE, marks.length - first);
    yield slice(SliceKind.marks, { of: minute, count: here, first }, marks.words.subarray(first, first + here));
  }
}
