import { expect, test } from "vitest";
import { median, quantile, sumOfCounts } from "./histogram.ts";

const bounds = [1, 2, 4];

test.each([
  ["interpolated within its bucket", [0, 100, 0, 0], 1.95],
  ["the lowest bucket starts at zero", [100, 0, 0, 0], 0.95],
  ["rank on a bound", [95, 5, 0, 0], 1],
  ["across buckets", [50, 30, 20, 0], 3.5],
  ["beyond the last bound: that bound", [0, 0, 0, 10], 4],
])("95th percentile as Prometheus has it: %s", (_, counts, expected) => {
  expect(quantile(0.95, bounds, counts)).toBeCloseTo(expected, 10);
});

test("nothing counted is no value", () => {
  expect(quantile(0.95, bounds, [0, 0, 0, 0])).toBeUndefined();
  expect(() => quantile(0.95, bounds, [1, 2])).toThrow("one count per bucket");
});

test("counts add up, and the median is the lower middle", () => {
  expect(sumOfCounts([[1, 2], [3, 4], []])).toEqual([4, 6]);
  expect(median([5, 1, 3, 2])).toBe(2);
  expect(median([])).toBeUndefined();
});
