import type { LevelFacts } from "../api/tuning.ts";
import { median } from "../rollout/histogram.ts";
import { mannWhitney } from "../rollout/mann-whitney.ts";

/** One chance in a hundred of keeping a step that changed nothing: noise alone must not walk. */
const SIGNIFICANCE = 0.01;
/** A smaller rise of coherence is not worth a parameter's change, in millionths. */
const GAIN_MIN = 1_000;
/** Halves of a calm time look different once in twenty times, either way. */
const DRIFT = 0.05;

/** Whether coherence rose by more than chance, and by enough that anybody would care. */
export function rose(before: readonly number[], after: readonly number[]): boolean {
  const test = mannWhitney(after, before);
  const gain = (median(after) ?? 0) - (median(before) ?? 0);
  return test !== undefined && test.pGreater <= SIGNIFICANCE && gain >= GAIN_MIN;
}

/** Whether the values move by themselves: a step would be credited with what it did not do. */
export function drifts(values: readonly number[]): boolean {
  const middle = Math.floor(values.length / 2);
  const test = mannWhitney(values.slice(middle), values.slice(0, middle));
  return test !== undefined && test.pTwoSided <= DRIFT;
}

/** What a person would call slower; and less than a bucket's grain is none. */
const SLOWER = 1.15;
const SLOWER_MS = 1;
const MORE_ERRORS_PPM = 1_000;
const LESS_AVAILABLE_PPM = 5_000;

/** Which service level got worse, in words; undefined if none did. */
export function worsened(before: LevelFacts, after: LevelFacts): string | undefined {
  const [was, is] = [before.latencyP95Millis, after.latencyP95Millis];
  if (was !== undefined && is !== undefined && is > SLOWER * was && is > was + SLOWER_MS)
    return `latency p95 went from ${was} to ${is} ms`;
  if (after.errorsPpm > before.errorsPpm + MORE_ERRORS_PPM)
    return `errors went from ${before.errorsPpm} to ${after.errorsPpm} ppm`;
  if (after.availabilityPpm < before.availabilityPpm - LESS_AVAILABLE_PPM)
    return `availability went from ${before.availabilityPpm} to ${after.availabilityPpm} ppm`;
  return undefined;
}
