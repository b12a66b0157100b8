/**
 * A ledger snapshot is a row of slices of at most 256 KiB: a head with all counts, the tables chunk by chunk in the order of
 * `SliceKind`, and an empty one that says that nothing is missing. A slice begins with four words: its kind, what it is of
 * (see there, otherwise 0), how many things follow, and the place of the first. Equal ledgers have equal slices.
 */
export const SNAPSHOT_VERSION = 1;
export const SLICE_BYTES_MAX = 256 * 1_024;
export const HEAD_WORDS = 4;

export const SliceKind = {
  /** Words: version, owners, accounts, pending rows, first free of them, journal entries (two). */
  head: 0,
  /** Keys of eight words. */
  owners: 1,
  /** Rows of 16 words. */
  accounts: 2,
  /** Seven words for each account, of chunks in which one has some. */
  userData: 3,
  /** Number of the account and its four sums, 17 words. */
  wideSums: 4,
  /** Rows of 16 words. */
  pending: 5,
  /** Of a minute; entries of five words. */
  ids: 6,
  /** Of a minute; one word each. */
  marks: 7,
  end: 8,
} as const;
export type SliceKind = (typeof SliceKind)[keyof typeof SliceKind];

export const WIDE_WORDS = 17;
/** Things in one slice. */
export const ROWS_PER_SLICE = 2_048;
export const MARKS_PER_SLICE = 32_768;
