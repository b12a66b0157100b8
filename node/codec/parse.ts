import { present } from "../base/assert.ts";
import { fromHex, type Hex, toHex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { HASH_BYTES } from "./hash.ts";
import { MalformedBytes, type Reader, reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** Reads the whole of some outside bytes, or says what is wrong with them. */
export function parse<T>(input: Uint8Array, read: (from: Reader) => T): Result<T, "malformed"> {
  try {
    const from = reader(input);
    const value = read(from);
    from.end();
    return accept(value);
  } catch (cause) {
    if (cause instanceof MalformedBytes) return refuse("malformed", cause.message);
    throw cause;
  }
}

/** A height or a view: a u64 that a number holds exactly. */
export function readCounter(from: Reader): number {
  const value = from.u64();
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new MalformedBytes(`${value} is too large`);
  return Number(value);
}

export const writeCounter = (to: Writer, value: number): Writer => to.u64(BigInt(value));

/** A byte that is 0 or 1. */
export function readFlag(from: Reader): boolean {
  const flag = from.u8();
  if (flag > 1) throw new MalformedBytes("a flag is 0 or 1");
  return flag === 1;
}

export const readHash = (from: Reader): Hex => toHex(from.fixed(HASH_BYTES));

export const hashBytes = (hash: Hex): Uint8Array => present(fromHex(hash, HASH_BYTES), "a hash has 32 bytes");
