import { expect, test } from "vitest";
import { type Difference, decideByTable, judgeTable, type Standing } from "./judge-table.ts";

const standings: readonly Standing[] = ["Good", "Bad", "NoData"];
const differences: readonly Difference[] = ["Worse", "NotWorse", "Unknown"];

test.each([
  // new, old now, before, difference, verdict
  ["Good", "Bad", "Bad", "Worse", "Pass"],
  ["NoData", "Good", "Good", "Worse", "NoData"],
  ["Bad", "Good", "NoData", "Worse", "Fail"],
  ["Bad", "Good", "Good", "Unknown", "Fail"],
  ["Bad", "Good", "Good", "NotWorse", "Inconclusive"],
  // Both bad: what was before decides.
  ["Bad", "Bad", "Good", "NotWorse", "Fail"],
  ["Bad", "Bad", "Bad", "Worse", "Inconclusive"],
  // The last phase has no old nodes.
  ["Bad", "NoData", "Good", "Unknown", "Fail"],
  ["Bad", "NoData", "Bad", "Unknown", "Inconclusive"],
  ["Bad", "NoData", "NoData", "Unknown", "Inconclusive"],
] as const)("new %s, old %s, before %s, %s: %s", (fresh, old, before, difference, verdict) => {
  expect(decideByTable({ fresh, old, before, difference })).toBe(verdict);
});

test("every comparison has a row, and every row is reached", () => {
  const reached = new Set<number>();
  for (const fresh of standings)
    for (const old of standings)
      for (const before of standings)
        for (const difference of differences) {
          decideByTable({ fresh, old, before, difference });
          reached.add(
            judgeTable.findIndex(
              (row) =>
                row[0] === fresh &&
                (row[1] === "any" || row[1] === old) &&
                (row[2] === "any" || row[2] === before) &&
                (row[3] === "any" || row[3] === difference),
            ),
          );
        }
  expect([...reached].toSorted((a, b) => a - b)).toEqual(judgeTable.map((_, index) => index));
});
