import { equalBytes } from "../base/bytes.ts";
import type { Random } from "../base/random.ts";
import type { Result } from "../base/result.ts";

/** One parser of outside bytes. Adding one is a line in `targets.ts`. */
export type Target = {
  readonly name: string;
  /** Right inputs, made by the encoders, from which the mutator starts. */
  readonly samples: readonly Uint8Array[];
  /** Text inputs are changed as JSON values too, so that they get past the syntax. */
  readonly json?: true;
  /**
   * Parses, and goes as far as outside bytes get. Throws only where the product has a bug: `Broken` for what must hold of an
   * accepted input. The answer is a short name of what happened: inputs with a new one are kept to be changed further.
   */
  readonly run: (input: Uint8Array) => string;
};

/** What must hold of every accepted input does not. */
export class Broken extends Error {
  override readonly name = "Broken";
}

export function hold(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Broken(what);
}

/** What became of an input, in few words: numbers and names that differ from input to input are left out. */
export function toldOf(result: Result<unknown>): string {
  return result.ok
    ? "ok"
    : `${result.reason} ${(result.detail ?? "").replaceAll(/[0-9a-f]{2,}|\d+/g, "#").slice(0, 60)}`;
}

/** One value has one encoding: what is accepted is what its encoder writes. */
export function canonical<T>(
  parse: (input: Uint8Array) => Result<T>,
  encode: (value: T) => Uint8Array,
  then: (value: T) => string,
): Target["run"] {
  return (input) => {
    const parsed = parse(input);
    if (!parsed.ok) return toldOf(parsed);
    hold(equalBytes(encode(parsed.value), input), "an accepted input is its own encoding");
    return `ok ${then(parsed.value)}`;
  };
}

/** Changes of raw bytes: what a wire, a disk or an enemy does to them. */
export function mutate(input: Uint8Array, others: readonly Uint8Array[], random: Random): Uint8Array {
  let bytes = input;
  for (let rounds = 1 + random.below(4); rounds > 0; rounds--) bytes = random.pick(CHANGES)(bytes, others, random);
  return bytes;
}

type Change = (bytes: Uint8Array, others: readonly Uint8Array[], random: Random) => Uint8Array;

/** Numbers at which lengths, counts and versions go wrong. */
const EDGES = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0xffffn,
  0x7fff_ffffn,
  0xffff_ffffn,
  (1n << 53n) - 1n,
  1n << 53n,
  (1n << 64n) - 1n,
];

/** Bytes that mean something special in one place, and nothing in another. */
const TOKENS = ["\ufeff", "\0", "HMN", "HMNB", "\ud7ff\uffff"].map((token) => new TextEncoder().encode(token));

const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const place = (bytes: Uint8Array, random: Random): number => random.below(bytes.length + 1);

/** Writes a number of 1, 2, 4 or 8 bytes, little-endian, over what stands at a place. */
function overwrite(bytes: Uint8Array, value: (width: number, before: bigint) => bigint, random: Random): Uint8Array {
  const width = random.pick([1, 2, 4, 4, 8]);
  if (bytes.length < width) return bytes;
  const copy = bytes.slice();
  const at = random.below(bytes.length - width + 1);
  let before = 0n;
  for (let i = width - 1; i >= 0; i--) before = (before << 8n) | BigInt(copy[at + i] ?? 0);
  let rest = value(width, before);
  for (let i = 0; i < width; i++, rest >>= 8n) copy[at + i] = Number(rest & 0xffn);
  return copy;
}

const CHANGES: readonly Change[] = [
  (bytes, _, random) => overwrite(bytes, () => random.pick(EDGES), random),
  (bytes, _, random) =>
    overwrite(bytes, (_width, before) => BigInt.asUintN(64, before + BigInt(random.below(9) - 4)), random),
  (bytes, _, random) => overwrite(bytes, (width, before) => before ^ (1n << BigInt(random.below(8 * width))), random),
  (bytes, _, random) => bytes.subarray(0, place(bytes, random)),
  (bytes, _, random) => joined(bytes, noise(1 + random.below(40), random)),
  (bytes, _, random) => {
    const at = place(bytes, random);
    return joined(bytes.subarray(0, at), noise(1 + random.below(8), random), bytes.subarray(at));
  },
  (bytes, _, random) => {
    // Over what stands there, so that lengths stay right.
    const token = random.pick(TOKENS);
    const at = place(bytes, random);
    return joined(bytes.subarray(0, at), token, bytes.subarray(at + token.length));
  },
  (bytes, _, random) => {
    const at = place(bytes, random);
    return joined(bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(40)));
  },
  (bytes, _, random) => {
    const at = place(bytes, random);
    const end = at + random.below(100);
    return joined(bytes.subarray(0, end), bytes.subarray(at));
  },
  (bytes, others, random) => {
    const other = random.pick(others);
    return joined(bytes.subarray(0, place(bytes, random)), other.subarray(place(other, random)));
  },
];

export const noise = (length: number, random: Random): Uint8Array =>
  Uint8Array.from({ length }, () => random.below(256));
