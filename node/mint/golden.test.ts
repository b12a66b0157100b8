import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mint } from "./mint.ts";

type Golden = {
  readonly case: {
    readonly coherence: number;
    readonly lambda: number;
    readonly meanPsi: number;
    readonly highest: number;
    readonly candidates: readonly (readonly [id: number, weight: number, psi: number, recent: number])[];
    readonly headroom: Readonly<Record<"FLX" | "CHR" | "ATR" | "PSY" | "RES", string>>;
  };
  readonly expected: {
    readonly budget: string;
    readonly issues: Readonly<Record<string, { total: string; shares: Readonly<Record<string, string>> }>>;
  };
};

const GOLDEN = readFileSync(join(import.meta.dirname, "mint.golden.jsonl"), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Golden);

/** Eight digits behind the point of the real value are written. */
const WRITTEN = 1e-7;

/*
 * Our whole numbers beside what mint.golden.py computes with fractions, in the smallest unit: the budget is under 1 short, a
 * total under 2 (its part of the budget, and its own), a share by its part of that and under 1 up or down for the
 * remainder; as r is short by under 10⁻⁶, a claim by r is short by under 0.4·10⁻⁶/0.8 of itself, and so a share off by under
 * 10⁻⁶ of itself either way.
 */
test.each(GOLDEN)("a mint with Ĉ $case.coherence, λ $case.lambda, Ψ̄ $case.meanPsi", ({ case: given, expected }) => {
  const headroom = Object.fromEntries(Object.entries(given.headroom).map(([token, room]) => [token, BigInt(room)]));
  const { budget, issues } = mint({
    ...{ coherencePpm: given.coherence, lambdaPpm: given.lambda, meanPsiPpm: given.meanPsi },
    candidates: given.candidates.map(([id, weight, psiPpm, recent]) => ({
      ...{ id, weight, psiPpm, recentChr: BigInt(recent) },
    })),
    highestRecentChr: BigInt(given.highest),
    headroom: headroom as Record<keyof typeof given.headroom, bigint>,
  });
  const short = Number(expected.budget) - Number(budget);
  expect(short > -WRITTEN && short < 1 + WRITTEN).toBe(true);
  expect(issues.map(({ token }) => token)).toEqual(Object.keys(expected.issues));
  for (const { token, total, shares } of issues) {
    const real = expected.issues[token];
    const missing = Number(real?.total) - Number(total);
    expect(missing > -WRITTEN && missing < 2 + WRITTEN, `total ${token}`).toBe(true);
    expect(shares.map(({ id }) => `${id}`)).toEqual(Object.keys(real?.shares ?? {}).toSorted((a, b) => +a - +b));
    for (const { id, amount } of shares) {
      const fair = Number(real?.shares[id]);
      expect(Math.abs(Number(amount) - fair), `${token} for ${id}`).toBeLessThan(3 + fair * 1e-6);
    }
  }
});
