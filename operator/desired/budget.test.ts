import { expect, test } from "vitest";
import { minAvailable } from "./budget.ts";

const equal = (n: number) => Array.from({ length: n }, (_, id) => ({ id, weight: 100, publicKey: "" }));
const weighted = (...weights: readonly number[]) => weights.map((weight, id) => ({ id, weight, publicKey: "" }));

test.each([
  [4, 3],
  [5, 4],
  [7, 6],
])("%i equal voters keep %i", (n, least) => {
  expect(minAvailable(equal(n))).toBe(least);
});

test("a voter too heavy to spare keeps all", () => {
  expect(minAvailable(weighted(100, 100, 100, 151))).toBe(4);
  expect(minAvailable(equal(3))).toBe(3);
});
