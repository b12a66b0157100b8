/**
 * LOCAL: floating point. Nothing here may enter state (domain.md, "CAL": "RΦV never enters consensus state").
 *
 * RΦV, recursive Φ-resonance validation: how much of a signal that both measured a publisher and a receiver share, in [0, 1]; a
 * note beside memory entries.
 */
import { welchCoherence } from "./welch.ts";

/** An entry is valid from here on. */
export const RESONANCE_VALID = 0.75;

/** Samples to a segment; eight segments that overlap by half take 144. */
const SEGMENT_SAMPLES = 32;
/** Older samples are not looked at. */
const SAMPLES_MAX = 1_024;
/** Reporters whose scores are combined. */
const REPORTERS_MAX = 3;
/** φ, the golden ratio. */
const PHI = (1 + Math.sqrt(5)) / 2;

/**
 * The mean magnitude-squared coherence of two series of the same moments, oldest first; undefined, which is not a score, with
 * too few samples, series of unlike length, or without a signal.
 */
export function resonance(published: readonly number[], received: readonly number[]): number | undefined {
  if (published.length !== received.length) return undefined;
  const coherence = welchCoherence(published.slice(-SAMPLES_MAX), received.slice(-SAMPLES_MAX), SEGMENT_SAMPLES);
  return coherence && coherence.reduce((sum, share) => sum + share, 0) / coherence.length;
}

/** Scores of several reporters: the three best with weights φ^(−2k), k = 0, 1, 2, normalised; undefined if nobody has one. */
export function combineResonance(scores: readonly (number | undefined)[]): number | undefined {
  const best = scores
    .filter((score) => score !== undefined)
    .toSorted((a, b) => b - a)
    .slice(0, REPORTERS_MAX);
  if (best.length === 0) return undefined;
  let [sum, weights] = [0, 0];
  for (const [k, score] of best.entries()) {
    const weight = PHI ** (-2 * k);
    sum += weight * score;
    weights += weight;
  }
  return sum / weights;
}
