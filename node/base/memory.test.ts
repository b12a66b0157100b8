import { expect, test } from "vitest";
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
