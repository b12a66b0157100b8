import { expect, test } from "vitest";
import { type Difference, decideByTable, judgeTable, type Standing } from "./judge-table.ts";

const standings: readonly Standing[] = ["Good", "Bad", "NoData"];
const differences: readonly Difference[] = ["Worse", "NotWorse", "Unknown"];

test.each([
  // new, old now, before, than old, than before, verdict
  ["Good", "Bad", "Bad", "Worse", "Worse", "Pass"],
  ["NoData", "Good", "Good", "Worse", "Worse", "NoData"],
  ["Bad", "Good", "NoData", "Worse", "Unknown", "Fail"],
  ["Bad", "Good", "Good", "Unknown", "Unknown", "Fail"],
  ["Bad", "Good", "Good", "NotWorse", "Worse", "Inconclusive"],
  // Both bad: what was before decides.
  ["Bad", "Bad", "Good", "NotWorse", "Worse", "Fail"],
  ["Bad", "Bad", "Good", "NotWorse", "NotWorse", "Inconclusive"],
  ["Bad", "Bad", "Bad", "Worse", "Worse", "Inconclusive"],
  // The last phase has no old nodes.
  ["Bad", "NoData", "Good", "Unknown", "Unknown", "Fail"],
  ["Bad", "NoData", "Good", "Unknown", "NotWorse", "Inconclusive"],
  ["Bad", "NoData", "Bad", "Unknown", "Worse", "Inconclusive"],
  ["Bad", "NoData", "NoData", "Unknown", "Unknown", "Inconclusive"],
] as const)(
  "new %s, old %s, before %s, than old %s, than before %s: %s",
  (fresh, old, before, thanOld, thanBefore, verdict) => {
    expect(decideByTable({ fresh, old, before, thanOld, thanBefore })).toBe(verdict);
  },
);

test("every comparison has a row, and every row is reached", () => {
  const every = standings.flatMap((fresh) =>
    standings.flatMap((old) =>
      standings.flatMap((before) =>
        differences.flatMap((thanOld) =>
          differences.map((thanBefore) => ({ fresh, old, before, thanOld, thanBefore })),
        ),
      ),
    ),
  );
  const reached = new Set(
    every.map((comparison) => {
      decideByTable(comparison);
      const { fresh, old, before, thanOld, thanBefore } = comparison;
      return judgeTable.findIndex((row) =>
        [fresh, old, before, thanOld, thanBefore].every((value, at) => row[at] === "any" || row[at] === value),
      );
    }),
  );
  expect([...reached].toSorted((a, b) => a - b)).toEqual(judgeTable.map((_, index) => index));
});
