import type { Nanos } from "../base/units.ts";

/** A block time for people, to the millisecond; as a number where the calendar ends. */
export function timeText(time: Nanos): string {
  const date = new Date(Number(time / 1_000_000n));
  return Number.isNaN(date.getTime()) ? `${time} ns since 1970` : date.toISOString();
}
