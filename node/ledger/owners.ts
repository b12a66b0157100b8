import { assert, present } from "../base/assert.ts";
import { fromHex, type Hex, toHex } from "../base/bytes.ts";
import { type MixKeys, mix4 } from "./mix.ts";
import { insert, NUMBERS_MAX, numberIn, remove, type SlotIndex, segmentOf, slotIndex, slotMask } from "./slot-index.ts";
import { wordsOf } from "./words.ts";

/**
 * The keys that own accounts, each kept once and known by its number. Number 0 is nobody: the accounts that only the
 * system moves. Keys are added and never changed.
 */
export type Owners = {
  readonly keys: MixKeys;
  /** Keys, 0 included. */
  count: number;
  readonly chunks: Int32Array[];
  readonly index: SlotIndex;
};

export const NOBODY = 0;
export const OWNER_BYTES = 32;
export const OWNER_WORDS = 8;
export const OWNERS_PER_CHUNK = 4_096;
const CHUNK_SHIFT = 12;

export const createOwners = (keys: MixKeys): Owners => ({
  keys,
  count: 1,
  chunks: [new Int32Array(OWNERS_PER_CHUNK * OWNER_WORDS)],
  index: slotIndex(),
});

const chunkOf = (owners: Owners, number: number): Int32Array => owners.chunks[number >>> CHUNK_SHIFT] as Int32Array;
const placeOf = (number: number): number => (number & (OWNERS_PER_CHUNK - 1)) * OWNER_WORDS;

function hashKey(keys: MixKeys, words: Int32Array, at: number): number {
  const half = (from: number): number =>
    mix4(keys, words[from] as number, words[from + 1] as number, words[from + 2] as number, words[from + 3] as number);
  return mix4(keys, half(at), half(at + 4), 0, 0);
}

const hashOf = (owners: Owners) => (number: number) => hashKey(owners.keys, chunkOf(owners, number), placeOf(number));
const keyWords = (key: Hex): Int32Array =>
  wordsOf(present(fromHex(key, OWNER_BYTES), "owner key is 32 bytes of hexadecimal"));

/** The key's number, or -1 if it owns nothing. */
export const findOwner = (owners: Owners, key: Hex): number => findWords(owners, keyWords(key));

function findWords(owners: Owners, key: Int32Array): number {
  const hash = hashKey(owners.keys, key, 0);
  const segment = segmentOf(owners.index, hash);
  const mask = slotMask(segment);
  for (let slot = hash & mask; segment[slot] !== 0; slot = (slot + 1) & mask) {
    const number = numberIn(segment[slot] as number, hash);
    if (number >= 0 && isKey(owners, number, key)) return number;
  }
  return -1;
}

function isKey(owners: Owners, number: number, key: Int32Array): boolean {
  const words = chunkOf(owners, number);
  const at = placeOf(number);
  for (let word = 0; word < OWNER_WORDS; word++) if (words[at + word] !== key[word]) return false;
  return true;
}

/** The key's number, a new one if need be; undefined stands for nobody. */
export function ownerNumber(owners: Owners, key: Hex | undefined): number {
  if (key === undefined) return NOBODY;
  const words = keyWords(key);
  const known = findWords(owners, words);
  return known === -1 ? addKey(owners, words) : known;
}

/** Adds a key that is not there yet. */
export function addKey(owners: Owners, key: Int32Array): number {
  assert(hasRoomForOwner(owners), "owner has a number");
  const number = owners.count;
  if (number >>> CHUNK_SHIFT === owners.chunks.length)
    owners.chunks.push(new Int32Array(OWNERS_PER_CHUNK * OWNER_WORDS));
  chunkOf(owners, number).set(key, placeOf(number));
  owners.count += 1;
  insert(owners.index, hashKey(owners.keys, key, 0), number, hashOf(owners));
  return number;
}

export const hasRoomForOwner = (owners: Owners): boolean => owners.count <= NUMBERS_MAX;
export const isKnownKey = (owners: Owners, key: Int32Array): boolean => findWords(owners, key) !== -1;

/** Takes back all keys from that number on. */
export function forgetOwnersFrom(owners: Owners, count: number): void {
  while (owners.count > count) {
    const number = owners.count - 1;
    const hashes = hashOf(owners);
    remove(owners.index, hashes(number), number, hashes);
    owners.count = number;
  }
}

export const ownerWords = (owners: Owners, number: number): Int32Array =>
  chunkOf(owners, number).subarray(placeOf(number), placeOf(number) + OWNER_WORDS);

export function ownerKey(owners: Owners, number: number): Hex | undefined {
  if (number === NOBODY) return undefined;
  const words = chunkOf(owners, number);
  return toHex(new Uint8Array(words.buffer, words.byteOffset + 4 * placeOf(number), OWNER_BYTES));
}
