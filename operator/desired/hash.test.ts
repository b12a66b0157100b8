import { expect, test } from "vitest";
import { equalJson } from "./hash.ts";

test.each([
  [{ a: 1, b: undefined }, { a: 1 }, true],
  [{ a: 1 }, { a: 1, b: undefined }, true],
  [{ a: [1, { b: "x" }] }, { a: [1, { b: "x" }] }, true],
  [{ b: 2, a: 1 }, { a: 1, b: 2 }, true],
  [undefined, undefined, true],
  [{ a: 1 }, { a: 1, b: null }, false],
  [{ a: 1, b: false }, { a: 1 }, false],
  [[1, 2], [1], false],
  [[1], [1, 2], false],
  [[], {}, false],
  [{ a: {} }, { a: null }, false],
  [{}, undefined, false],
  ["1", 1, false],
])("%j and %j are the same JSON: %s", (a, b, same) => {
  expect(equalJson(a, b)).toBe(same);
});
