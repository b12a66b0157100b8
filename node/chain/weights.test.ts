import { expect, test } from "vitest";
import { fc } from "../base/test-property.ts";
import { capWeights, stepTowards, targetWeight } from "./weights.ts";

test("with four members or more nobody holds a third, whatever the weights, and only the largest are cut", () => {
  const weight = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 1_000_000 }));
  fc.assert(
    fc.property(fc.array(weight, { minLength: 4, maxLength: 100 }), (weights) => {
      const capped = capWeights(weights.map((own, id) => ({ id, weight: own })));
      const total = capped.reduce((sum, one) => sum + one.weight, 0);
      const cut = capped.filter((one, at) => one.weight < (weights[at] ?? 0));
      expect(capped.every((one) => one.weight > 0 && 3 * one.weight < total)).toBe(true);
      expect(capped.every((one, at) => one.weight <= (weights[at] ?? 0))).toBe(true);
      expect(cut.length).toBeLessThanOrEqual(2);
      const least = Math.min(...cut.map(({ id }) => weights[id] ?? 0));
      const uncut = capped.filter((one) => !cut.includes(one)).map(({ id }) => weights[id] ?? 0);
      expect(cut.length === 0 || uncut.every((own) => own <= least)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test.each([
  [1_000, 1_000, 1_000],
  [2_000, 1_000, 1_100],
  [0, 1_000, 900],
  [1_050, 1_000, 1_050],
  [0, 9, 8],
  [9, 5, 6],
  [0, 1, 0],
  [7, 0, 1],
])("a step towards %d from %d is %d", (target, from, next) => {
  expect(stepTowards(target, from)).toBe(next);
});

test("a smaller share of Ψ moves weight to stake; Ψ without stake weighs nothing", () => {
  const at = (psiSharePpm: bigint, psiPpm: number, bond = 10n ** 11n) =>
    targetWeight({ bond, psiPpm, parameters: { minimumBond: 10n ** 6n, psiSharePpm } });
  expect([at(400_000n, 500_000), at(0n, 500_000), at(200_000n, 0)]).toEqual([800_000, 1_000_000, 800_000]);
  expect(at(400_000n, 1_000_000, 10n ** 6n - 1n)).toBe(0);
});

test("of equal stakes under 23 % never come to a third of the weight, whatever happens to Ψ", () => {
  const input = fc.integer({ min: 5, max: 100 }).chain((validators) =>
    fc.record({
      psis: fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: validators, maxLength: validators }),
      bond: fc.bigInt({ min: 10n ** 8n, max: 10n ** 12n }),
      worst: fc.boolean(),
    }),
  );
  fc.assert(
    fc.property(input, ({ psis, bond, worst }) => {
      const liars = Math.ceil(0.23 * psis.length) - 1;
      const members = psis.map((psi, id) => {
        // The worst: liars flawless, and all others brought to nothing.
        const psiPpm = id < liars ? 1_000_000 : worst ? 0 : psi;
        return {
          id,
          weight: targetWeight({ bond, psiPpm, parameters: { minimumBond: 10n ** 6n, psiSharePpm: 400_000n } }),
        };
      });
      const total = (those: readonly { readonly weight: number }[]) => those.reduce((sum, one) => sum + one.weight, 0);
      const capped = capWeights(members);
      expect(3 * total(capped.slice(0, liars))).toBeLessThan(total(capped));
    }),
    { numRuns: 300 },
  );
});
