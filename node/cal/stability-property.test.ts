import { expect, test } from "vitest";
import { fc } from "../base/test-property.ts";
import { effectiveLambdaPpm, epochLengthMs, INITIAL_STABILITY, nextStability } from "./stability.ts";

const MILLION = 1_000_000;
const ppm = fc.integer({ min: 0, max: MILLION });
const lambda = fc.integer({ min: 300_000, max: MILLION });
const epoch = fc.record({ coherencePpm: ppm, meanPsiPpm: ppm, quorumCoherencePpm: ppm });
const aimOf = (coherencePpm: number, meanPsiPpm: number): number =>
  500_000 + (0.4 * coherencePpm * meanPsiPpm) / MILLION;

test("λ stays in [0.3, 1] and goes towards its aim, never past it nor away from it", () => {
  fc.assert(
    fc.property(lambda, epoch, ppm, (lambdaPpm, measured, kappaPpm) => {
      const next = nextStability({ ...INITIAL_STABILITY, lambdaPpm }, { ...measured, kappaPpm }).lambdaPpm;
      const aim = aimOf(measured.coherencePpm, measured.meanPsiPpm);
      expect(Number.isInteger(next) && next >= 300_000 && next <= MILLION).toBe(true);
      expect(Math.abs(aim - next)).toBeLessThanOrEqual(Math.abs(aim - lambdaPpm));
      expect(Math.sign(aim - next) * Math.sign(aim - lambdaPpm)).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: 1_000 },
  );
});

test("no ratchet: after the same calm epochs λ is the same within its rounding, whatever came before", () => {
  const history = fc.array(epoch, { maxLength: 40 });
  fc.assert(
    fc.property(history, history, epoch, (one, other, calm) => {
      const end = (epochs: typeof one) =>
        [...epochs, ...Array.from({ length: 80 }, () => calm)].reduce(nextStability, INITIAL_STABILITY).lambdaPpm;
      // It rests within 1/κ = 5 of its aim.
      const aim = aimOf(calm.coherencePpm, calm.meanPsiPpm);
      for (const lambdaPpm of [end(one), end(other)]) expect(Math.abs(lambdaPpm - aim)).toBeLessThanOrEqual(5);
    }),
  );
});

test("an emergency goes on from its alarm until three calm epochs in a row are behind it", () => {
  const near = fc.constantFrom(0, 349_999, 350_000, 699_999, 700_000, 749_999, 750_000, MILLION);
  const history = fc.array(fc.record({ coherencePpm: ppm, meanPsiPpm: near, quorumCoherencePpm: near }), {
    maxLength: 30,
  });
  fc.assert(
    fc.property(history, (epochs) => {
      let stability = INITIAL_STABILITY;
      epochs.forEach((measured, at) => {
        const before = stability.emergency.active;
        stability = nextStability(stability, measured);
        const alarm = measured.quorumCoherencePpm < 700_000 || measured.meanPsiPpm < 350_000;
        const isCalm = (one: typeof measured) => one.quorumCoherencePpm >= 750_000 && one.meanPsiPpm >= 350_000;
        const lastThree = epochs.slice(Math.max(0, at - 2), at + 1);
        if (alarm) expect(stability.emergency.active).toBe(true);
        if (!before) expect(stability.emergency.active).toBe(alarm);
        else if (!stability.emergency.active) expect(lastThree.length === 3 && lastThree.every(isCalm)).toBe(true);
      });
    }),
    { numRuns: 500 },
  );
});

test("attuned, λ stays in its bounds, and an epoch between 10 s and its base", () => {
  const input = fc.record({ lambdaPpm: lambda, alphaPpm: fc.integer({ min: 800_000, max: 1_200_000 }) });
  fc.assert(
    fc.property(input, fc.integer({ min: 10_000, max: 3_600_000 }), ({ lambdaPpm, alphaPpm }, baseMs) => {
      const lambdaEffectivePpm = effectiveLambdaPpm(lambdaPpm, alphaPpm);
      expect(lambdaEffectivePpm).toBeGreaterThanOrEqual(300_000);
      expect(lambdaEffectivePpm).toBeLessThanOrEqual(MILLION);
      const length = epochLengthMs({ baseMs, lambdaEffectivePpm, emergency: false });
      expect(length).toBeGreaterThanOrEqual(10_000);
      expect(length).toBeLessThanOrEqual(baseMs);
    }),
  );
});
