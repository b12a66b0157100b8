import { assert } from "../../node/base/assert.ts";
import type { Verdict } from "../api/rollout.ts";

/** How a group of nodes stands against a level. */
export type Standing = "Good" | "Bad" | "NoData";
/** Whether the new nodes are worse than the old ones at the same time, by Mann-Whitney; Unknown with too few values. */
export type Difference = "Worse" | "NotWorse" | "Unknown";

export type Comparison = {
  /** Nodes on the new release, now. */
  readonly fresh: Standing;
  /** Nodes on the old release, now. */
  readonly old: Standing;
  /** The nodes before the rollout. */
  readonly before: Standing;
  readonly difference: Difference;
};

type Row = readonly [
  fresh: Standing,
  old: Standing | "any",
  before: Standing | "any",
  difference: Difference | "any",
  verdict: Verdict,
];

/** The first row that fits decides. A release is blamed only for what was good without it. */
export const judgeTable: readonly Row[] = [
  ["Good", "any", "any", "any", "Pass"],
  ["NoData", "any", "any", "any", "NoData"],
  ["Bad", "Good", "any", "Worse", "Fail"],
  ["Bad", "Good", "any", "Unknown", "Fail"],
  ["Bad", "Good", "any", "NotWorse", "Inconclusive"],
  ["Bad", "Bad", "Good", "any", "Fail"],
  ["Bad", "Bad", "Bad", "any", "Inconclusive"],
  ["Bad", "Bad", "NoData", "any", "Inconclusive"],
  ["Bad", "NoData", "Good", "any", "Fail"],
  ["Bad", "NoData", "Bad", "any", "Inconclusive"],
  // A level that had no data before never fails.
  ["Bad", "NoData", "NoData", "any", "Inconclusive"],
];

export function decideByTable(comparison: Comparison): Verdict {
  const row = judgeTable.find(
    ([fresh, old, before, difference]) =>
      fresh === comparison.fresh &&
      (old === "any" || old === comparison.old) &&
      (before === "any" || before === comparison.before) &&
      (difference === "any" || difference === comparison.difference),
  );
  assert(row !== undefined, "the table covers every comparison");
  return row[4];
}
