import { expect, test } from "vitest";
import { fc } from "../base/test-property.ts";
import { mintBudget, mintDue } from "./budget.ts";
import { type Candidate, type MintInput, mint } from "./mint.ts";
import { divide } from "./share.ts";

const MILLION = 1_000_000;
const ppm = fc.oneof(fc.integer({ min: 0, max: MILLION }), fc.integer({ min: 700_000, max: MILLION }));
const lambdaPpm = fc.integer({ min: 300_000, max: MILLION });
const room = fc.oneof(fc.bigInt({ min: 0n, max: 10n ** 8n }), fc.constant(10n ** 30n));

const candidates: fc.Arbitrary<readonly Candidate[]> = fc.uniqueArray(
  fc.record({
    id: fc.nat({ max: 200 }),
    weight: fc.integer({ min: 1, max: MILLION }),
    psiPpm: ppm,
    recentChr: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 10n ** 10n })),
  }),
  { selector: ({ id }) => id, maxLength: 20 },
);

const input: fc.Arbitrary<MintInput> = fc
  .record({
    ...{ coherencePpm: ppm, lambdaPpm, meanPsiPpm: ppm, candidates, others: fc.bigInt({ min: 0n, max: 10n ** 10n }) },
    headroom: fc.record({ FLX: room, CHR: room, ATR: room, PSY: room, RES: room }),
  })
  .map(({ others, ...rest }) => ({
    ...rest,
    highestRecentChr:
      [others / 4n, ...rest.candidates.map(({ recentChr }) => recentChr)].toSorted((a, b) => (a < b ? 1 : -1))[0] ?? 0n,
  }));

test("shares add up to their total, which is never over its part of the budget nor over the room under the cap", () => {
  const percent = { FLX: 100n, CHR: 50n, ATR: 25n, PSY: 10n, RES: 5n };
  fc.assert(
    fc.property(input, (given) => {
      const { budget, issues } = mint(given);
      expect(budget).toBe(mintBudget(given));
      for (const { token, total, shares } of issues) {
        expect(shares.reduce((sum, { amount }) => sum + amount, 0n)).toBe(total);
        expect(total > 0n && total <= given.headroom[token] && total <= (budget * percent[token]) / 100n).toBe(true);
        expect(shares.every(({ amount }) => amount >= 0n)).toBe(true);
        const ids = shares.map(({ id }) => id);
        expect(ids).toEqual(ids.toSorted((a, b) => a - b));
      }
      expect(new Set(issues.map(({ token }) => token)).size).toBe(issues.length);
    }),
    { numRuns: 500 },
  );
});

test("nobody under Ψ = 0.75 gets anything, and nobody under r = 0.6 anything but CHR", () => {
  fc.assert(
    fc.property(input, (given) => {
      for (const { token, shares } of mint(given).issues)
        for (const { id } of shares) {
          const got = given.candidates.find((candidate) => candidate.id === id);
          expect(got?.psiPpm).toBeGreaterThanOrEqual(750_000);
          if (token !== "CHR") expect(10n * (got?.recentChr ?? 0n) >= 6n * given.highestRecentChr).toBe(true);
        }
    }),
    { numRuns: 500 },
  );
});

test("the order of the candidates changes nothing", () => {
  fc.assert(
    fc.property(input, fc.nat(), (given, turn) => {
      const at = turn % Math.max(1, given.candidates.length);
      const turned = [...given.candidates.slice(at), ...given.candidates.slice(0, at)].toReversed();
      expect(mint({ ...given, candidates: turned })).toEqual(mint(given));
    }),
  );
});

test("each share is its fair part, a unit up or down, and who claims more gets no less", () => {
  const claims = fc
    .array(fc.bigInt({ min: 0n, max: 10n ** 20n }), { minLength: 1, maxLength: 30 })
    .filter((all) => all.some((claim) => claim > 0n));
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 12n }), claims, (total, all) => {
      const sum = all.reduce((whole, claim) => whole + claim, 0n);
      const amounts = divide(
        total,
        all.map((claim, id) => ({ id, claim })),
      ).map(({ amount }) => amount);
      amounts.forEach((amount, at) => {
        const fair = (total * (all[at] ?? 0n)) / sum;
        expect(amount === fair || amount === fair + 1n).toBe(true);
        all.forEach((claim, other) => {
          if (claim > (all[at] ?? 0n)) expect((amounts[other] ?? 0n) >= amount).toBe(true);
        });
      });
    }),
  );
});

test("the budget lies between 50 and 200 FLX, and with more of anything it is no less", () => {
  fc.assert(
    fc.property(ppm, lambdaPpm, ppm, fc.nat({ max: 1_000 }), (coherence, lambda, psi, more) => {
      const of = (extra: number) =>
        mintBudget({
          coherencePpm: Math.min(MILLION, coherence + extra),
          lambdaPpm: Math.min(MILLION, lambda + extra),
          meanPsiPpm: Math.min(MILLION, psi + extra),
        });
      expect(of(0) >= 50_000_000n && of(0) <= 200_000_000n && of(more) >= of(0)).toBe(true);
    }),
  );
});

test("two mints are never in two epochs one after the other, nor further apart than ten", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ coherencePpm: ppm, lambdaPpm }), { minLength: 30, maxLength: 60 }), (epochs) => {
      let since = 0;
      const gaps: number[] = [];
      epochs.forEach((measured, at) => {
        since += 1;
        if (!mintDue({ ...measured, epochsSinceLast: since, measuredEpochs: at + 1, emergency: false })) return;
        gaps.push(since);
        since = 0;
      });
      expect(gaps.length).toBeGreaterThan(0);
      expect(gaps.every((gap) => gap >= 2 && gap <= 10)).toBe(true);
      expect(since).toBeLessThan(10);
    }),
  );
});
