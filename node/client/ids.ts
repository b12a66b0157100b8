import { randomBytes } from "node:crypto";
import { assert } from "../base/assert.ts";

const RANDOM_BITS = 80n;
/** Room above the random part, so that consecutive ids of one call never spill into the time. */
const COUNT_MAX = 1 << 16;

/**
 * The first of `count` consecutive transfer ids: the upper 48 bits are the time in milliseconds, the rest is random. A
 * network refuses ids that are older than ten minutes or over a minute ahead.
 */
export function newIds({ nowMs, count }: { nowMs: number; count: number }): bigint {
  assert(count >= 1 && count <= COUNT_MAX, "ids are made in bounded numbers");
  const random = BigInt(`0x${randomBytes(10).toString("hex")}`) % ((1n << RANDOM_BITS) - BigInt(COUNT_MAX));
  return (BigInt(nowMs) << RANDOM_BITS) | random;
}

/** A client process's number: no two processes of one key may share it. */
export const newStream = (): bigint => randomBytes(8).readBigUInt64LE();
