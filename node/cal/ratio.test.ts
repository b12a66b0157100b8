import { expect, test } from "vitest";
import { fc } from "../base/test-property.ts";
import { productPpm, ratioPpm } from "./ratio.ts";

/** The largest square of a vector, and what is around whole multiples of a millionth. */
const WHOLE_MAX = 5_000_000_000_000;

test("a ratio is the floor that big integers give, also right beside each millionth", () => {
  const whole = fc.oneof(
    fc.integer({ min: 1, max: 100 }),
    fc.integer({ min: 1, max: WHOLE_MAX }),
    fc.integer({ min: WHOLE_MAX - 1_000, max: WHOLE_MAX }),
  );
  const input = fc.tuple(whole, fc.integer({ min: 0, max: 1_000_000 }), fc.integer({ min: -2, max: 2 }));
  fc.assert(
    fc.property(input, ([of, millionths, beside]) => {
      const edge = Number((BigInt(of) * BigInt(millionths)) / 1_000_000n);
      const part = Math.min(of, Math.max(0, edge + beside));
      expect(ratioPpm(part, of)).toBe(Number((BigInt(part) * 1_000_000n) / BigInt(of)));
    }),
    { numRuns: 5_000 },
  );
});

test("a product is the floor that big integers give", () => {
  const ppm = fc.integer({ min: 0, max: 1_000_000 });
  fc.assert(
    fc.property(ppm, ppm, (a, b) => {
      expect(productPpm(a, b)).toBe(Number((BigInt(a) * BigInt(b)) / 1_000_000n));
    }),
  );
});

test("what is no part of a whole has no ratio", () => {
  for (const [part, whole] of [
    [0, 0],
    [2, 1],
    [-1, 1],
    [1, 1e13],
  ] as const)
    expect(() => ratioPpm(part, whole)).toThrow("invariant broken");
});
