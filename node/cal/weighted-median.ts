import { present } from "../base/assert.ts";

/** One voice: `id` breaks ties. */
type Weighted = { readonly id: number; readonly weight: number; readonly value: number };

/**
 * By (value, id) the first value with 2·cumulative weight ≥ total (domain.md, "Arithmetic"). Voices with under half of the
 * weight cannot move it past the least or the greatest value of the others.
 */
export function weightedMedian(voices: readonly Weighted[]): number {
  const sorted = voices.toSorted((a, b) => a.value - b.value || a.id - b.id);
  const total = sorted.reduce((sum, { weight }) => sum + weight, 0);
  let cumulative = 0;
  const middle = sorted.find(({ weight }) => {
    cumulative += weight;
    return 2 * cumulative >= total;
  });
  return present(middle, "a median is of at least one voice").value;
}
