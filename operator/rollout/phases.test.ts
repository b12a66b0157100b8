import { expect, test } from "vitest";
import { phaseCounts } from "./phases.ts";

const phases = [20, 80, 100].map((percent) => ({ percent, soakSeconds: 0 }));

test.each([
  [4, [1, 3, 4]],
  [5, [1, 4, 5]],
  [6, [1, 5, 6]],
  [7, [2, 6, 7]],
  [8, [2, 7, 8]],
  [9, [2, 8, 9]],
  [10, [2, 8, 10]],
  [100, [20, 80, 100]],
])("20/80/100 of %i nodes", (n, expected) => {
  expect(phaseCounts(phases, n)).toEqual(expected);
});

test("the first phase never takes more than may fail, and below 100 % one stays; one phase alone takes all", () => {
  expect(
    phaseCounts(
      [
        { percent: 90, soakSeconds: 0 },
        { percent: 95, soakSeconds: 0 },
        { percent: 100, soakSeconds: 0 },
      ],
      4,
    ),
  ).toEqual([1, 3, 4]);
  expect(phaseCounts([{ percent: 100, soakSeconds: 0 }], 4)).toEqual([4]);
});
