import { assert } from "../base/assert.ts";
import { U128_MAX } from "../codec/transfer.ts";

/**
 * Records and tables are read as little-endian 32-bit words: small integers that the engine keeps in registers, where a
 * BigInt would be an object for each field. A number of 128 bits is four words, the lowest first.
 */
const WORD = 2 ** 32;
// BigInts go through this memory, which costs less than shifting them; nothing stays in it from one call to the next.
const longs = new BigUint64Array(2);
const halves = new Int32Array(longs.buffer);

/** Typed arrays have the byte order of the machine, and the wire is little-endian. */
export const assertLittleEndian = (): void =>
  assert(new Uint8Array(new Uint32Array([1]).buffer)[0] === 1, "machine is little-endian");

/** The words of some bytes: the same memory if it is aligned, otherwise a copy. */
export function wordsOf(bytes: Uint8Array): Int32Array {
  assert(bytes.length % 4 === 0, "bytes are whole words");
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Int32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

/** Two words as an unsigned number; exact below 2⁵³. */
export const readPair = (words: Int32Array, at: number): number =>
  ((words[at + 1] as number) >>> 0) * WORD + ((words[at] as number) >>> 0);

export function readU64(words: Int32Array, at: number): bigint {
  halves[0] = words[at] as number;
  halves[1] = words[at + 1] as number;
  return longs[0] as bigint;
}

export function readU128(words: Int32Array, at: number): bigint {
  const low = readU64(words, at);
  return ((words[at + 2] as number) | (words[at + 3] as number)) === 0 ? low : low | (readU64(words, at + 2) << 64n);
}

export function writeU64(words: Int32Array, at: number, value: bigint): void {
  longs[0] = value;
  words[at] = halves[0] as number;
  words[at + 1] = halves[1] as number;
}

export function writeU128(words: Int32Array, at: number, value: bigint): void {
  // Words would silently wrap a larger number into another account's id or another amount.
  assert(value >= 0n && value <= U128_MAX, "value fits 128 bits");
  writeU64(words, at, value);
  writeU64(words, at + 2, value >> 64n);
}

/** Compares unsigned numbers of so many words. */
export function compareWords(a: Int32Array, atA: number, b: Int32Array, atB: number, words: number): number {
  for (let word = words - 1; word >= 0; word--) {
    const difference = ((a[atA + word] as number) >>> 0) - ((b[atB + word] as number) >>> 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** An array of words that grows by doubling; what stands below `length` never moves out of it. */
export type WordList = { words: Int32Array; length: number };

export const wordList = (): WordList => ({ words: new Int32Array(64), length: 0 });

export function reserve(list: WordList, more: number): void {
  if (list.length + more <= list.words.length) return;
  const larger = new Int32Array(Math.max(2 * list.words.length, list.length + more));
  larger.set(list.words.subarray(0, list.length));
  list.words = larger;
}

export function push(list: WordList, word: number): void {
  reserve(list, 1);
  list.words[list.length] = word;
  list.length += 1;
}
