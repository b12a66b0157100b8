import { assert } from "../base/assert.ts";
import type { Nanos } from "../base/units.ts";
import { type IdIndex, idIndex, idMask, idSegment, idStart, insertId, removeId } from "./id-index.ts";
import { type MixKeys, mix3 } from "./mix.ts";
import { push, type WordList, wordList } from "./words.ts";

/**
 * The transfers that execution still remembers, by the minute in their ids: 31 to 42 bytes each, dropped minute by
 * minute. An entry is five words: the milliseconds in the minute with the 16 bits of the id below them, the lower half of
 * the id, and the fingerprint of the fields. Entries and marks are only ever added, so that a snapshot reads them while
 * execution goes on.
 */
export type KnownIds = {
  readonly keys: MixKeys;
  readonly minutes: Map<number, Minute>;
  /** All entries together. */
  count: number;
  /** Fingerprint of the record under way. */
  readonly print: Int32Array;
  /** The minute asked for last. */
  current: Minute;
};

export type Minute = {
  /** Minutes since 1970. */
  readonly minute: number;
  readonly startMs: number;
  count: number;
  readonly chunks: Int32Array[];
  readonly states: Uint8Array[];
  readonly index: IdIndex;
  /** What was said of entries beyond their fields, in the order of execution: `4 · entry + state`. */
  readonly marks: WordList;
};

export const ID_WINDOW_MS = 600_000;
export const ID_FUTURE_MS = 60_000;
export const MINUTE_MS = 60_000;
export const blockMillis = (time: Nanos): bigint => time / 1_000_000n;
/** Past it batches are refused with `ids_exhausted` until a minute has left the window. */
export const IDS_MAX = 2 ** 26;
/** Of the minute that stands for none. */
const NO_MINUTE = -1;

export const IDS_PER_CHUNK = 8_192;
const CHUNK_SHIFT = 13;
export const ENTRY_WORDS = 5;

/** First word of an entry in its chunk. */
const placeOf = (entry: number): number => (entry & (IDS_PER_CHUNK - 1)) * ENTRY_WORDS;

/** What became of a transfer: `plain` is single-phase or a resolution itself. A pending one in no table has expired. */
export const IdState = { plain: 0, pending: 1, posted: 2, voided: 3 } as const;

export const createKnownIds = (keys: MixKeys): KnownIds => ({
  keys,
  minutes: new Map(),
  count: 0,
  print: new Int32Array(2),
  current: newMinute(NO_MINUTE),
});

const newMinute = (minute: number): Minute => ({
  minute,
  startMs: minute * MINUTE_MS,
  count: 0,
  chunks: [],
  states: [],
  index: idIndex(),
  marks: wordList(),
});

/** Milliseconds of the id whose words stand at `at`. */
export const millisAt = (words: Int32Array, at: number): number =>
  ((words[at + 3] as number) >>> 0) * 65_536 + ((words[at + 2] as number) >>> 16);

/** Number of the minute of an id of that time. */
export const minuteOf = (idMs: number): number => Math.floor(idMs / MINUTE_MS);

/** Whether execution still remembers an id of that time: beyond the window nothing may depend on it. */
export const inWindow = (idMs: number, nowMs: number): boolean => idMs + ID_WINDOW_MS >= nowMs;

/** The minute of an id of that time, if one of its ids is known. */
export function minuteAt(ids: KnownIds, idMs: number): Minute | undefined {
  const past = idMs - ids.current.startMs;
  return past >= 0 && past < MINUTE_MS ? ids.current : switchTo(ids, minuteOf(idMs));
}

function switchTo(ids: KnownIds, number: number): Minute | undefined {
  const found = ids.minutes.get(number);
  if (found !== undefined) ids.current = found;
  return found;
}

export function openMinute(ids: KnownIds, number: number): Minute {
  const known = switchTo(ids, number);
  if (known !== undefined) return known;
  const minute = newMinute(number);
  ids.minutes.set(number, minute);
  ids.current = minute;
  return minute;
}

/** First word of the entry for the id at `at`, which is of a minute that starts at `startMs`. */
export const headAt = (words: Int32Array, at: number, startMs: number): number =>
  ((millisAt(words, at) - startMs) << 16) | ((words[at + 2] as number) & 0xffff);

/**
 * Hash of an id by the words of its entry. Ids that differ in the lowest three bits alone have hashes that do, and so lie
 * in one cache line of the index: clients count their ids up, and a batch then waits for memory once in eight records.
 */
export const hashEntry = (keys: MixKeys, head: number, low: number, high: number): number =>
  (mix3(keys, head, low >>> 3, high) & ~7) | (low & 7);

/** Reads where the id of that hash will be looked for, so that the memory is near when it is. */
export function fetchSlot({ index }: Minute, hash: number): number {
  const segment = idSegment(index, hash);
  return segment[idStart(hash, idMask(segment))] as number;
}

/** Number of the entry with these words in its minute, or -1. */
export function findEntry(minute: Minute, head: number, low: number, high: number, hash: number): number {
  const segment = idSegment(minute.index, hash);
  const mask = idMask(segment);
  for (let slot = idStart(hash, mask); ; slot = (slot + 2) & mask) {
    const taken = segment[slot + 1] as number;
    if (taken === 0) return -1;
    if (segment[slot] !== hash) continue;
    const chunk = minute.chunks[(taken - 1) >>> CHUNK_SHIFT] as Int32Array;
    const from = placeOf(taken - 1);
    if (chunk[from] === head && chunk[from + 1] === low && chunk[from + 2] === high) return taken - 1;
  }
}

/** Number of the entry for the id at `at` in its minute, or -1. */
export function findId(ids: KnownIds, words: Int32Array, at: number): number {
  const minute = minuteAt(ids, millisAt(words, at));
  if (minute === undefined) return -1;
  const head = headAt(words, at, minute.startMs);
  const low = words[at] as number;
  const high = words[at + 1] as number;
  return findEntry(minute, head, low, high, hashEntry(ids.keys, head, low, high));
}

/** Whether an entry bears the fingerprint in `print`. */
export function hasPrint({ print }: KnownIds, { chunks }: Minute, entry: number): boolean {
  const chunk = chunks[entry >>> CHUNK_SHIFT] as Int32Array;
  const from = placeOf(entry);
  return chunk[from + 3] === print[0] && chunk[from + 4] === print[1];
}

/** What became of an entry. */
export const stateAt = ({ states }: Minute, entry: number): number =>
  (states[entry >>> CHUNK_SHIFT] as Uint8Array)[entry & (IDS_PER_CHUNK - 1)] as number;

/** Remembers the id at `at` with the fingerprint in `print`; it is not known yet. */
export function addId(ids: KnownIds, words: Int32Array, at: number): void {
  const minute = openMinute(ids, minuteOf(millisAt(words, at)));
  const head = headAt(words, at, minute.startMs);
  const low = words[at] as number;
  const high = words[at + 1] as number;
  addEntry(ids, minute, head, low, high, hashEntry(ids.keys, head, low, high));
}

/** The same by the words of the entry. One argument for each: an array of them would be an object for each transfer. */
export function addEntry(ids: KnownIds, minute: Minute, head: number, low: number, high: number, hash: number): void {
  assert(ids.count < IDS_MAX, "known ids are bounded");
  const entry = minute.count;
  if (entry >>> CHUNK_SHIFT === minute.chunks.length) {
    minute.chunks.push(new Int32Array(IDS_PER_CHUNK * ENTRY_WORDS));
    minute.states.push(new Uint8Array(IDS_PER_CHUNK));
  }
  const chunk = minute.chunks[entry >>> CHUNK_SHIFT] as Int32Array;
  const from = placeOf(entry);
  chunk[from] = head;
  chunk[from + 1] = low;
  chunk[from + 2] = high;
  chunk[from + 3] = ids.print[0] as number;
  chunk[from + 4] = ids.print[1] as number;
  minute.count = entry + 1;
  ids.count += 1;
  insertId(minute.index, hash, entry);
}

/** Notes what became of an entry. */
export function mark(minute: Minute, entry: number, state: number): void {
  push(minute.marks, 4 * entry + state);
  (minute.states[entry >>> CHUNK_SHIFT] as Uint8Array)[entry & (IDS_PER_CHUNK - 1)] = state;
}

/** Takes the newest mark of a minute back. */
export function unmarkId(ids: KnownIds, minuteNumber: number, before: number): void {
  const { marks, states } = openMinute(ids, minuteNumber);
  marks.length -= 1;
  const entry = (marks.words[marks.length] as number) >>> 2;
  (states[entry >>> CHUNK_SHIFT] as Uint8Array)[entry & (IDS_PER_CHUNK - 1)] = before;
}

/** Takes the newest entry of a minute back. */
export function dropId(ids: KnownIds, minuteNumber: number): void {
  const minute = openMinute(ids, minuteNumber);
  const entry = minute.count - 1;
  const words = minute.chunks[entry >>> CHUNK_SHIFT] as Int32Array;
  const at = placeOf(entry);
  const hash = hashEntry(ids.keys, words[at] as number, words[at + 1] as number, words[at + 2] as number);
  removeId(minute.index, hash, entry);
  (minute.states[entry >>> CHUNK_SHIFT] as Uint8Array)[entry & (IDS_PER_CHUNK - 1)] = IdState.plain;
  minute.count = entry;
  ids.count -= 1;
}

/** Whether a minute's last id has left the window. */
export const hasPassed = (minute: number, nowMs: number): boolean =>
  (minute + 1) * MINUTE_MS - 1 + ID_WINDOW_MS < nowMs;

/** Forgets the minutes that have left the window. */
export function forgetIds(ids: KnownIds, nowMs: number): void {
  for (const minute of ids.minutes.values()) {
    if (!hasPassed(minute.minute, nowMs)) continue;
    ids.minutes.delete(minute.minute);
    ids.count -= minute.count;
    if (ids.current === minute) ids.current = newMinute(NO_MINUTE);
  }
}

export const hasRoomForIds = (ids: KnownIds, more: number): boolean => ids.count + more <= IDS_MAX;

/** The bytes of a minute's entries from one on and before another, as they lie in memory. */
export function* entriesBetween({ chunks }: Minute, from: number, to: number): Generator<Uint8Array> {
  for (let entry = from; entry < to; ) {
    const end = Math.min(to, (Math.floor(entry / IDS_PER_CHUNK) + 1) * IDS_PER_CHUNK);
    const words = (chunks[entry >>> CHUNK_SHIFT] as Int32Array).subarray(placeOf(entry));
    yield new Uint8Array(words.buffer, words.byteOffset, 4 * ENTRY_WORDS * (end - entry));
    entry = end;
  }
}
