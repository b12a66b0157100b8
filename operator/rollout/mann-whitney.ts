import { assert } from "../../node/base/assert.ts";

export type MannWhitney = {
  /** U of the first sample. */
  readonly u: number;
  /** Probability of a U at least this large if both samples come from one distribution. */
  readonly pGreater: number;
  readonly pTwoSided: number;
  readonly method: "exact" | "normal";
};

/** Up to this size of the smaller sample the distribution is counted out, if there are no ties (as SciPy's `auto` does). */
const EXACT_MAX = 8;

/** Mann-Whitney's U test (1947): do values of `a` tend to be larger than those of `b`? Undefined without values on a side. */
export function mannWhitney(a: readonly number[], b: readonly number[], exactMax = EXACT_MAX): MannWhitney | undefined {
  if (a.length === 0 || b.length === 0) return undefined;
  const { rankSum, tieTerm } = ranks(a, b);
  const u = rankSum - (a.length * (a.length + 1)) / 2;
  const other = a.length * b.length - u;
  const exact = tieTerm === 0 && Math.min(a.length, b.length) <= exactMax;
  const tail = exact ? exactTail(a.length, b.length) : normalTail(a.length, b.length, tieTerm);
  return {
    u,
    pGreater: tail(u),
    pTwoSided: Math.min(1, 2 * tail(Math.max(u, other))),
    method: exact ? "exact" : "normal",
  };
}

/** Sum of the ranks of `a` in the pooled sample, equal values sharing the mean of theirs; the sum of t^3 - t over ties. */
function ranks(a: readonly number[], b: readonly number[]): { readonly rankSum: number; readonly tieTerm: number } {
  const pooled = [...a, ...b].toSorted((x, y) => x - y);
  let rankSum = 0;
  let tieTerm = 0;
  for (let start = 0; start < pooled.length; ) {
    let end = start;
    while (end < pooled.length && pooled[end] === pooled[start]) end += 1;
    const size = end - start;
    const rank = (start + 1 + end) / 2;
    rankSum += rank * a.filter((value) => value === pooled[start]).length;
    tieTerm += size ** 3 - size;
    start = end;
  }
  return { rankSum, tieTerm };
}

/** P(U >= u) by counting: the number of ways to reach each U follows c(m, n, u) = c(m-1, n, u-n) + c(m, n-1, u). */
function exactTail(m: number, n: number): (u: number) => number {
  // ways[j][u] for the present count of first-sample values.
  let ways = Array.from({ length: n + 1 }, () => [1]);
  for (let i = 1; i <= m; i += 1) {
    const next: number[][] = [];
    for (let j = 0; j <= n; j += 1) {
      const counts = new Array<number>(i * j + 1).fill(0);
      for (const [value, count] of (ways[j] ?? []).entries()) counts[value + j] = (counts[value + j] ?? 0) + count;
      for (const [value, count] of (j === 0 ? [] : (next[j - 1] ?? [])).entries())
        counts[value] = (counts[value] ?? 0) + count;
      next.push(counts);
    }
    ways = next;
  }
  const counts = ways[n] ?? [];
  const total = counts.reduce((sum, count) => sum + count, 0);
  assert(counts.length === m * n + 1, "U lies between 0 and mn");
  return (u) => counts.slice(u).reduce((sum, count) => sum + count, 0) / total;
}

/** P(U >= u) by the normal distribution, with tie and continuity correction. */
function normalTail(m: number, n: number, tieTerm: number): (u: number) => number {
  const size = m + n;
  const deviation = Math.sqrt(((m * n) / 12) * (size + 1 - tieTerm / (size * (size - 1))));
  // All values equal: nothing can be said, and nothing is larger.
  if (!(deviation > 0)) return () => 1;
  return (u) => upperTail((u - (m * n) / 2 - 0.5) / deviation);
}

/** Upper tail of the standard normal distribution: erfc by Chebyshev (Numerical Recipes, 3rd ed., 6.2.2; error below 1.2e-7). */
function upperTail(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 2 / (2 + x);
  const polynomial = [
    0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368,
    -1.26551223,
  ].reduce((sum, coefficient) => sum * t + coefficient, 0);
  const tail = (t * Math.exp(-x * x + polynomial)) / 2;
  return z >= 0 ? tail : 1 - tail;
}
