/**
 * Ψ = max(0, A − [(1 − A) + 0.5·H + 0.3·V]) = max(0, ⌊(20·A − 10 − 5·H − 3·V)/10⌋) in ppm: a validator's coherence score, from
 * its alignment A, its disorder H and its variance V (domain.md, "CAL"). A flawless one has 1.
 */
export const psiPpm = ({ alignment, disorder, variance }: { alignment: number; disorder: number; variance: number }) =>
  Math.max(0, Math.floor((20 * alignment - 10_000_000 - 5 * disorder - 3 * variance) / 10));

export type Band = "green" | "yellow" | "red" | "critical";

/** Of Ψ̄: ≥ 0.85 green, ≥ 0.65 yellow, ≥ 0.35 red. */
export function bandOf(meanPsiPpm: number): Band {
  if (meanPsiPpm >= 850_000) return "green";
  if (meanPsiPpm >= 650_000) return "yellow";
  return meanPsiPpm >= 350_000 ? "red" : "critical";
}
