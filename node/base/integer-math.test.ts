import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isqrt, log2Fixed } from "./integer-math.ts";
import { fc } from "./test-property.ts";

/** Lines of integer-math.table.py: argument, square root, logarithm. */
const TABLE = readFileSync(join(import.meta.dirname, "integer-math.table.txt"), "utf8")
  .trim()
  .split("\n");
const u256 = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n });

describe("integer maths", () => {
  it("agrees with the table to the last digit", () => {
    expect(TABLE.length).toBeGreaterThan(500);
    const own = TABLE.map((line) => {
      const argument = BigInt(line.split(" ")[0] ?? "");
      return `${argument} ${isqrt(argument)} ${argument === 0n ? "-" : log2Fixed(argument)}`;
    });
    expect(own).toEqual(TABLE);
  });

  it("takes roots that squaring bounds", () => {
    fc.assert(
      fc.property(u256, (value) => {
        const root = isqrt(value);
        expect(root * root <= value && value < (root + 1n) * (root + 1n)).toBe(true);
      }),
    );
  });

  it("takes logarithms that rise with their argument, by one whole per doubling", () => {
    fc.assert(
      fc.property(u256, u256, (a, b) => {
        const [less, more] = a < b ? [a + 1n, b + 1n] : [b + 1n, a + 1n];
        expect(log2Fixed(less) <= log2Fixed(more)).toBe(true);
        expect(log2Fixed(2n * less) - log2Fixed(less)).toBe(1n << 32n);
      }),
    );
  });

  it("refuses what has no answer", () => {
    expect(() => isqrt(-1n)).toThrow("invariant broken");
    expect(() => log2Fixed(0n)).toThrow("invariant broken");
  });
});
