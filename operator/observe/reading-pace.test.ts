import { expect, test } from "vitest";
import { type Millis, millis } from "../../node/base/units.ts";
import type { NodeTarget, ReadingTarget } from "./node-reader.ts";
import { dueReadings } from "./reading-pace.ts";

const ROUND_MS = 2_000;

const cluster = (clusterKey: string, size: number, isAtRest: boolean): ReadingTarget => ({
  ...{ clusterKey, network: "n", metricSource: undefined, credentials: undefined, isAtRest },
  nodes: Array.from(
    { length: size },
    (_, validator): NodeTarget => ({
      ...{ validator, pod: `${clusterKey}-${validator}`, podUid: `${clusterKey}/${validator}`, createdAt: millis(0) },
      ...{ ip: "127.0.0.1", limits: undefined, revision: "r", stopping: false },
    }),
  ),
});

/** Rounds of two seconds, in which every reading succeeds at once. Gives the nodes read in each, and all that is remembered. */
function play(targets: readonly ReadingTarget[], rounds: number, known = new Map<string, Millis>(), from = 0) {
  const read = Array.from({ length: rounds }, (_, round) => {
    const now = millis(from + round * ROUND_MS);
    const due = dueReadings(targets, (_target, { podUid }) => known.get(podUid), now, ROUND_MS);
    for (const { node } of due) known.set(node.podUid, now);
    return due;
  });
  return { read, known };
}

test("where something is under way every node is read in every round, and stands no longer than usual", () => {
  const { read } = play([cluster("a", 5, false)], 3);
  expect(read.map((due) => due.length)).toEqual([5, 5, 5]);
  expect(read.flat().every(({ standsFor }) => standsFor === undefined)).toBe(true);
});

test("few nodes at rest are read every ten seconds, and stand until the next time", () => {
  const { read } = play([cluster("a", 5, true)], 11);
  expect(read.map((due) => due.length)).toEqual([5, 0, 0, 0, 0, 5, 0, 0, 0, 0, 5]);
  for (const { standsFor } of read.flat()) expect(standsFor).toBe(20_000);
});

test("many nodes at rest are read in turn at one pace, however many; none stands less long than its turn takes", () => {
  const targets = Array.from({ length: 200 }, (_, index) => cluster(`c${index}`, 5, true));
  const { known } = play(targets, 1);
  const { read } = play(targets, 100, known, ROUND_MS);
  expect(Math.max(...read.map((due) => due.length))).toBe(100);
  const last = new Map<string, number>();
  for (const [round, due] of read.entries())
    for (const { node, standsFor } of due) {
      const before = last.get(node.podUid);
      if (before !== undefined) expect((round - before) * ROUND_MS).toBeLessThan(standsFor ?? 0);
      last.set(node.podUid, round);
    }
  expect(last.size).toBe(1_000);
});

test("who was never read is read at once, whatever rests beside it", () => {
  const resting = Array.from({ length: 200 }, (_, index) => cluster(`c${index}`, 5, true));
  const { known } = play(resting, 1);
  const now = millis(60_000);
  const due = dueReadings(
    [...resting, cluster("new", 4, true), cluster("busy", 3, false)],
    (_target, { podUid }) => known.get(podUid),
    now,
    ROUND_MS,
  );
  const of = (key: string) => due.filter(({ target }) => target.clusterKey === key).length;
  expect([of("new"), of("busy"), due.length]).toEqual([4, 3, 107]);
});
