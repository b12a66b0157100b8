import { assert } from "../base/assert.ts";

const BOUND_MS_MAX = 60_000;

/** Delays of one peer's votes, to the millisecond: how many there were of each length, so that an epoch takes fixed room. */
export type Delays = {
  count: number;
  /** By length in whole milliseconds; the last place is for the bound and all that is longer. */
  readonly byMs: Uint32Array;
};

export function createDelays(boundMs: number): Delays {
  assert(Number.isInteger(boundMs) && boundMs > 0 && boundMs <= BOUND_MS_MAX, "the bound is of whole milliseconds");
  return { count: 0, byMs: new Uint32Array(boundMs + 1) };
}

/** A missed vote is as long as the bound. */
export function addDelay(delays: Delays, ms: number): void {
  const place = Math.min(Math.max(0, Math.floor(ms)), delays.byMs.length - 1);
  delays.byMs[place] = (delays.byMs[place] ?? 0) + 1;
  delays.count += 1;
}

/** The value at rank ⌈0.95·n⌉ (domain.md, "CAL"). */
export function percentile95Ms({ count, byMs }: Delays): number {
  assert(count > 0, "a percentile is of at least one value");
  const rank = Math.ceil((95 * count) / 100);
  let below = 0;
  return byMs.findIndex((here) => {
    below += here;
    return below >= rank;
  });
}
