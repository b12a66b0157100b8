import { assert } from "../../node/base/assert.ts";

/**
 * Quantile of a histogram as Prometheus' histogram_quantile has it: linear within the bucket that holds the rank, the lowest
 * bucket starting at 0, and the highest finite bound when the rank lies beyond it. Counts are per bucket, one more than bounds.
 */
export function quantile(q: number, bounds: readonly number[], counts: readonly number[]): number | undefined {
  assert(counts.length === bounds.length + 1, "one count per bucket and one beyond");
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  const rank = q * total;
  let below = 0;
  for (const [index, upper] of bounds.entries()) {
    const count = counts[index] ?? 0;
    if (count > 0 && below + count >= rank) {
      const lower = index === 0 ? 0 : (bounds[index - 1] ?? 0);
      return lower + (upper - lower) * ((rank - below) / count);
    }
    below += count;
  }
  return bounds.at(-1);
}

/** How many lie above a value, linear within the bucket that holds it; what lies beyond the last bound is above any value. */
export function countAbove(value: number, bounds: readonly number[], counts: readonly number[]): number {
  let above = counts[bounds.length] ?? 0;
  for (const [index, upper] of bounds.entries()) {
    const lower = index === 0 ? 0 : (bounds[index - 1] ?? 0);
    const share = Math.min(1, Math.max(0, (upper - value) / (upper - lower)));
    above += share * (counts[index] ?? 0);
  }
  return above;
}

/** Counts bucket by bucket; empty if there are none. */
export function sumOfCounts(histograms: readonly (readonly number[])[]): readonly number[] {
  const sum = [...(histograms[0] ?? [])];
  for (const counts of histograms.slice(1))
    for (let bucket = 0; bucket < counts.length; bucket += 1) sum[bucket] = (sum[bucket] ?? 0) + (counts[bucket] ?? 0);
  return sum;
}

/** The middle value, the lower of two. */
export function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}
