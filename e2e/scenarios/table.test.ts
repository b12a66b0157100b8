import { expect, test } from "vitest";
import { scenarios } from "./table.ts";

test("every scenario has a name of its own and says what it asserts", () => {
  expect(new Set(scenarios.map((one) => one.name)).size).toBe(scenarios.length);
  for (const one of scenarios) {
    expect(one.name).toMatch(/^[a-z][a-z-]*$/);
    expect(one.asserts.length, one.name).toBeGreaterThan(0);
  }
});

test("a stage is left before the next one begins, so that two clusters never run at once", () => {
  const order = scenarios.map((one) => one.on).filter((on, index, all) => on !== all[index - 1]);
  expect(order).toEqual([...new Set(order)]);
});
