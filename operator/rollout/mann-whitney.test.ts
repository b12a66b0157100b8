import { describe, expect, test } from "vitest";
import { mannWhitney } from "./mann-whitney.ts";

describe("Mann-Whitney U", () => {
  // The worked example of SciPy's documentation of scipy.stats.mannwhitneyu (ages at diagnosis, after Hollander & Wolfe).
  const males = [19, 22, 16, 29, 24];
  const females = [20, 11, 17, 12];

  test("agrees with SciPy's documented exact result", () => {
    const test = mannWhitney(males, females);
    expect(test?.method).toBe("exact");
    expect(test?.u).toBe(17);
    expect(test?.pTwoSided).toBeCloseTo(0.1111111111111111, 12);
    expect(mannWhitney(females, males)?.u).toBe(3);
  });

  test("its normal approximation agrees with SciPy's documented asymptotic result", () => {
    const test = mannWhitney(males, females, 0);
    expect(test?.method).toBe("normal");
    expect(test?.pTwoSided).toBeCloseTo(0.11134688653314041, 6);
  });

  test("beyond eight values a side the normal approximation is taken", () => {
    const a = Array.from({ length: 9 }, (_, index) => 2 * index + 4);
    const b = Array.from({ length: 9 }, (_, index) => 2 * index + 1);
    const test = mannWhitney(a, b);
    expect(test?.method).toBe("normal");
    // 2i + 4 is larger than 2j + 1 for j up to i + 1: 2 + 3 + ... + 9 + 9.
    expect(test?.u).toBe(53);
    // z = (53 - 40.5 - 0.5) / sqrt(81 * 19 / 12) = 1.05960.
    expect(test?.pGreater).toBeCloseTo(0.14466, 4);
  });

  test("ties share their ranks and shrink the deviation", () => {
    // Ranks of 1,2,2,3 are 1, 2.5, 2.5, 4: U of the second sample = (2.5 + 4) - 3 = 3.5.
    const test = mannWhitney([2, 3], [1, 2]);
    expect(test?.u).toBe(3.5);
    expect(test?.method).toBe("normal");
    // variance = 4/12 * (5 - 6/12) = 1.5; z = (3.5 - 2 - 0.5) / 1.224745 = 0.816497; upper tail 0.207108.
    expect(test?.pGreater).toBeCloseTo(0.207108, 5);
  });

  test("complete separation has the probability of one arrangement", () => {
    expect(mannWhitney([10, 11], [1, 2, 3, 4, 5, 6])?.pGreater).toBeCloseTo(1 / 28, 12);
    expect(mannWhitney([1, 2], [3, 4, 5, 6, 7, 8])?.pGreater).toBe(1);
  });

  test("all values equal say nothing; no values give no test", () => {
    expect(mannWhitney([5, 5, 5], [5, 5])?.pGreater).toBe(1);
    expect(mannWhitney([], [1])).toBeUndefined();
  });
});
