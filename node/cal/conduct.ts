import { assert } from "../base/assert.ts";
import { log2Fixed } from "../base/integer-math.ts";
import { PPM } from "../base/units.ts";

/** Windows that an epoch is divided into: block i of n, from 0, stands in window ⌊8·i/n⌋. */
export const WINDOWS = 8;

/** What the chain counted of one validator in an epoch, finalized blocks only (domain.md, "CAL"). */
export type Conduct = {
  /** = timely + late + missed + conflicting. */
  readonly blocks: number;
  readonly timely: number;
  readonly late: number;
  readonly missed: number;
  /** Blocks about which it contradicted itself, whether its vote was carried or not. */
  readonly conflicting: number;
  /** Blocks for which its vote is carried, those that it contradicted itself about included. */
  readonly carried: number;
  /** Carried votes with another results hash than the committed one. */
  readonly dissenting: number;
  /** The epoch's eight windows; they add up to `blocks` and `timely`. Not looked at with under 8 blocks, and may be left out. */
  readonly windows: readonly { readonly blocks: number; readonly timely: number }[];
};

/** Of a validator of which nothing was counted. */
export const NO_CONDUCT: Conduct = {
  ...{ blocks: 0, timely: 0, late: 0, missed: 0, conflicting: 0, carried: 0, dissenting: 0 },
  windows: [],
};

export function assertConduct(conduct: Conduct): void {
  const { blocks, timely, late, missed, conflicting, carried, dissenting, windows } = conduct;
  assert(timely + late + missed + conflicting === blocks, "each block has one outcome");
  assert(dissenting <= carried && carried <= blocks, "a vote that dissents is carried, for a block of the epoch");
  const sum = (of: "blocks" | "timely"): number => windows.reduce((total, window) => total + window[of], 0);
  const whole = sum("blocks") === blocks && sum("timely") === timely;
  assert(windows.length === 0 ? blocks < WINDOWS : whole, "windows divide the epoch");
}

/**
 * H: entropy of the outcomes divided by log 4, in ppm; 0 is perfect order, as it is without a block.
 * (log n − Σ c·log c / n) / log 4 in base 2, over one denominator: ⌊10⁶·(n·log₂ n − Σ c·log₂ c) / 2n⌋.
 */
export function disorderPpm({ blocks, timely, late, missed, conflicting }: Conduct): number {
  if (blocks === 0) return 0;
  const outcomes = [timely, late, missed, conflicting];
  const excess = outcomes.reduce((rest, count) => rest - weightedLog(count), weightedLog(blocks));
  return Number((BigInt(PPM) * excess) / ((2n * BigInt(blocks)) << 32n));
}

const weightedLog = (count: number): bigint => (count === 0 ? 0n : BigInt(count) * log2Fixed(BigInt(count)));

/**
 * V: 4 × the population variance of the timely share over the eight windows, in ppm; 0 with under 8 blocks.
 * 4·(Σ s²/8 − (Σ s/8)²) = (8·Σ s² − (Σ s)²)/16, over one denominator.
 */
export function variancePpm({ blocks, windows }: Conduct): number {
  if (blocks < WINDOWS) return 0;
  assert(windows.length === WINDOWS, "an epoch has eight windows");
  const sizes = [...new Set(windows.map((window) => BigInt(window.blocks)))];
  assert(!sizes.includes(0n), "from eight blocks on no window is empty");
  // Equal windows have two sizes at most.
  const common = sizes.reduce((product, size) => product * size, 1n);
  const shares = windows.map((window) => (BigInt(window.timely) * common) / BigInt(window.blocks));
  const sum = shares.reduce((total, share) => total + share, 0n);
  const squares = shares.reduce((total, share) => total + share * share, 0n);
  return Number((BigInt(PPM) * (8n * squares - sum * sum)) / (16n * common * common));
}
