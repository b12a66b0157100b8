import { expect, test } from "vitest";
import { equalJson } from "./hash.ts";
import { createMemory } from "./memory.ts";

test("what was made is made anew for another owner, another name, or another part beside", () => {
  const memory = createMemory<number>();
  let made = 0;
  const make = () => {
    made += 1;
    return made;
  };
  const [owner, other, part] = [{}, {}, []];
  expect(memory(owner, "a", [part], make)).toBe(1);
  expect(memory(owner, "a", [part], make)).toBe(1);
  expect(memory(owner, "b", [part], make)).toBe(2);
  expect(memory(other, "a", [part], make)).toBe(3);
  expect(memory(owner, "a", [[]], make)).toBe(4);
  // The last one alone is kept.
  expect(memory(owner, "a", [part], make)).toBe(5);
  expect(memory(owner, "b", [part], make)).toBe(2);
});

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
