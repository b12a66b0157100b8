import { assert } from "../../node/base/assert.ts";
import type { Verdict } from "../api/rollout.ts";

/** How a group of nodes stands against a level. */
export type Standing = "Good" | "Bad" | "NoData";
/** Whether the new nodes are worse than others by more than chance and noise; Unknown with too few values. */
export type Difference = "Worse" | "NotWorse" | "Unknown";

export type Comparison = {
  /** Nodes on the new release, now. */
  readonly fresh: Standing;
  /** Nodes on the old release, now. */
  readonly old: Standing;
  /** The nodes before the rollout. */
  readonly before: Standing;
  /** New nodes against old ones at the same time. */
  readonly thanOld: Difference;
  /** New nodes now against all nodes before. */
  readonly thanBefore: Difference;
};

type Row = readonly [
  fresh: Standing,
  old: Standing | "any",
  before: Standing | "any",
  thanOld: Difference | "any",
  thanBefore: Difference | "any",
  verdict: Verdict,
];

/** The first row that fits decides. A release is blamed only for what was good without it. */
export const judgeTable: readonly Row[] = [
  ["Good", "any", "any", "any", "any", "Pass"],
  ["NoData", "any", "any", "any", "any", "NoData"],
  ["Bad", "Good", "any", "NotWorse", "any", "Inconclusive"],
  ["Bad", "Good", "any", "any", "any", "Fail"],
  // Without good nodes beside them, the past is the measure.
  ["Bad", "any", "Good", "any", "NotWorse", "Inconclusive"],
  ["Bad", "any", "Good", "any", "any", "Fail"],
  ["Bad", "any", "Bad", "any", "any", "Inconclusive"],
  // A level that had no data before never fails.
  ["Bad", "any", "NoData", "any", "any", "Inconclusive"],
];

export function decideByTable(comparison: Comparison): Verdict {
  const row = judgeTable.find(
    ([fresh, old, before, thanOld, thanBefore]) =>
      fresh === comparison.fresh &&
      (old === "any" || old === comparison.old) &&
      (before === "any" || before === comparison.before) &&
      (thanOld === "any" || thanOld === comparison.thanOld) &&
      (thanBefore === "any" || thanBefore === comparison.thanBefore),
  );
  assert(row !== undefined, "the table covers every comparison");
  return row[5];
}
