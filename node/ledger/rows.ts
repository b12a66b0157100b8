import { assert } from "../base/assert.ts";

/**
 * A table of rows of 64 bytes, one cache line each, in chunks of typed arrays: it grows without moving anything. Sixteen
 * rows are a bucket, a leaf of the state root. Before a row is written its bucket is touched, which keeps note of what
 * changed, folds what a checkpoint still has to see as it was, and copies a chunk that a snapshot still reads.
 */
export type Rows = {
  count: number;
  /** The same memory twice: as words and as numbers. */
  readonly words: Int32Array[];
  readonly doubles: Float64Array[];
  /** Per bucket, bits of `Mark`. */
  marks: Uint8Array;
  /** Buckets with the mark `dirty`. */
  dirty: number[];
  /** Chunks that a snapshot may still read. */
  readonly shared: boolean[];
  /** Hashes a bucket as it stands; set while a checkpoint is being folded. */
  foldFirst: ((bucket: number) => void) | undefined;
};

export const ROW_WORDS = 16;
export const CHUNK_ROWS = 4_096;
export const CHUNK_SHIFT = 12;
export const CHUNK_MASK = CHUNK_ROWS - 1;
export const BUCKET_ROWS = 16;
const BUCKET_SHIFT = 4;
const CHUNK_BUCKETS = CHUNK_ROWS / BUCKET_ROWS;

/** `dirty`: changed since the last checkpoint began; `frozen`: not hashed for it yet; `shared`: chunk may be read by a snapshot. */
const Mark = { dirty: 1, frozen: 2, shared: 4 } as const;

export const newRows = (): Rows => ({
  count: 0,
  words: [],
  doubles: [],
  marks: new Uint8Array(CHUNK_BUCKETS),
  dirty: [],
  shared: [],
  foldFirst: undefined,
});

export const wordsAt = (rows: Rows, row: number): Int32Array => rows.words[row >>> CHUNK_SHIFT] as Int32Array;
/** Index of a row's first word in its chunk. */
export const wordAt = (row: number): number => (row & CHUNK_MASK) * ROW_WORDS;
export const bucketCount = (rows: Rows): number => Math.ceil(rows.count / BUCKET_ROWS);

/** Called before a row is written; the arrays of its chunk are good only after it. */
export function touch(rows: Rows, row: number): void {
  if (rows.marks[row >>> BUCKET_SHIFT] !== Mark.dirty) touchFirst(rows, row >>> BUCKET_SHIFT);
}

function touchFirst(rows: Rows, bucket: number): void {
  const marks = rows.marks[bucket] as number;
  if ((marks & Mark.frozen) !== 0) rows.foldFirst?.(bucket);
  if ((marks & Mark.shared) !== 0) unshare(rows, Math.floor(bucket / CHUNK_BUCKETS));
  if ((marks & Mark.dirty) === 0) rows.dirty.push(bucket);
  rows.marks[bucket] = Mark.dirty;
}

function unshare(rows: Rows, chunk: number): void {
  if (rows.shared[chunk] !== true) return;
  rows.shared[chunk] = false;
  setChunk(rows, chunk, (rows.words[chunk] as Int32Array).slice());
}

function setChunk(rows: Rows, chunk: number, words: Int32Array): void {
  rows.words[chunk] = words;
  rows.doubles[chunk] = new Float64Array(words.buffer);
}

/** Adds a row of zeros. */
export function appendRow(rows: Rows): number {
  const row = rows.count;
  if (row >>> CHUNK_SHIFT === rows.words.length) addChunk(rows, new Int32Array(CHUNK_ROWS * ROW_WORDS));
  touch(rows, row);
  rows.count += 1;
  return row;
}

/** Adds a whole chunk, whose rows are counted by the caller: for restoring a snapshot. */
export function addChunk(rows: Rows, words: Int32Array): void {
  const chunk = rows.words.length;
  setChunk(rows, chunk, words);
  rows.shared[chunk] = false;
  if (rows.marks.length >= (chunk + 1) * CHUNK_BUCKETS) return;
  const larger = new Uint8Array(2 * rows.marks.length);
  larger.set(rows.marks);
  rows.marks = larger;
}

/** Takes the last row back. */
export function dropRow(rows: Rows, row: number): void {
  assert(row === rows.count - 1, "rows are taken back in order");
  touch(rows, row);
  wordsAt(rows, row).fill(0, wordAt(row), wordAt(row) + ROW_WORDS);
  rows.count = row;
}

/** Says that nothing is known of any bucket: whoever folds next begins anew. */
export function touchAll(rows: Rows): void {
  for (let row = 0; row < rows.count; row += BUCKET_ROWS) touch(rows, row);
}

/** Hands over what changed since the last checkpoint, to be hashed as it is now whatever is written meanwhile. */
export function freeze(rows: Rows): number[] {
  const { dirty } = rows;
  rows.dirty = [];
  for (const bucket of dirty) rows.marks[bucket] = ((rows.marks[bucket] as number) & Mark.shared) | Mark.frozen;
  return dirty;
}

export const isFrozen = (rows: Rows, bucket: number): boolean => ((rows.marks[bucket] as number) & Mark.frozen) !== 0;
/** Whether the bucket is as the last checkpoint saw it. */
export const isClean = (rows: Rows, bucket: number): boolean => ((rows.marks[bucket] as number) & Mark.dirty) === 0;
export function thaw(rows: Rows, bucket: number): void {
  rows.marks[bucket] = (rows.marks[bucket] as number) & ~Mark.frozen;
}

/** Lets a snapshot read the chunks as they are now: from here on a chunk is copied before it is written. */
export function share(rows: Rows): readonly Int32Array[] {
  rows.shared.fill(true);
  for (let bucket = 0; bucket < bucketCount(rows); bucket++)
    rows.marks[bucket] = (rows.marks[bucket] as number) | Mark.shared;
  // A row that is added later lies in the last bucket or behind it: the whole last chunk is watched.
  for (let bucket = bucketCount(rows); bucket < rows.words.length * CHUNK_BUCKETS; bucket++)
    rows.marks[bucket] = Mark.shared;
  return [...rows.words];
}

/** A snapshot has read this chunk: it need not be copied any more. */
export function release(rows: Rows, chunk: number): void {
  rows.shared[chunk] = false;
}
