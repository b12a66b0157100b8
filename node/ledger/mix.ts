/**
 * Integer mixing for tables and fingerprints: cheap, not cryptographic. Steps and constants are those of MurmurHash3 (32
 * bits, with its finalizer), its word factors replaced by keys, and of xxHash32's four lanes.
 */
const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

function finish(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Odd factors for the words of a key, and where to begin. Who does not know them cannot make hashes alike. */
export type MixKeys = {
  readonly start: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
};

export function mixKeys(seed: number): MixKeys {
  const next = (nth: number): number => finish(finish(seed ^ Math.imul(nth, 0x9e3779b9)) + nth);
  return { start: next(1), a: next(2) | 1, b: next(3) | 1, c: next(4) | 1, d: next(5) | 1 };
}

const step = (h: number, product: number): number => (Math.imul(rotate(h ^ product, 13), 5) + 0xe6546b64) | 0;

/** 32 bits of three words. */
export const mix3 = (keys: MixKeys, a: number, b: number, c: number): number =>
  finish(step(step(step(keys.start, Math.imul(a, keys.a)), Math.imul(b, keys.b)), Math.imul(c, keys.c)));

/** 32 bits of four words. */
export const mix4 = (keys: MixKeys, a: number, b: number, c: number, d: number): number =>
  finish(
    step(
      step(step(step(keys.start, Math.imul(a, keys.a)), Math.imul(b, keys.b)), Math.imul(c, keys.c)),
      Math.imul(d, keys.d),
    ),
  );

const lane = (sum: number, word: number): number =>
  Math.imul(rotate((sum + Math.imul(word, 0x85ebca77)) | 0, 13), 0x9e3779b1);

/** The words that a repeat has to repeat: all between id and timestamp. */
const FROM = 4;
const TO = 28;

/**
 * Writes 64 bits that stand for the transfer at `at` (32 words) without its id and its timestamp. Records that differ in
 * one word never share them; others do by an accident of 1 in 2⁶⁴, or because the sender of both searched for it.
 */
export function mixTransfer(words: Int32Array, at: number, out: Int32Array): void {
  let a = 0x2c15_9d3b;
  let b = 0x7f4a_7c15;
  let c = 0x1656_67b1;
  let d = 0x61c8_8647;
  for (let from = at + FROM; from < at + TO; from += 4) {
    a = lane(a, words[from] as number);
    b = lane(b, words[from + 1] as number);
    c = lane(c, words[from + 2] as number);
    d = lane(d, words[from + 3] as number);
  }
  a = lane(a, words[at + TO] as number);
  b = lane(b, words[at + TO + 1] as number);
  out[0] = finish((rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)) | 0);
  out[1] = finish(Math.imul(a ^ rotate(c, 16), 0x27d4eb2f) ^ Math.imul(b ^ rotate(d, 11), 0x165667b1));
}
