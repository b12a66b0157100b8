import { expect, test } from "vitest";
import { parse } from "../codec/parse.ts";
import { writer } from "../codec/writer.ts";
import type { CarriedVote } from "./types.ts";
import {
  conductOf,
  countVotes,
  createCounts,
  isSilent,
  readCounts,
  type VoteCounts,
  withEpoch,
  writeCounts,
} from "./vote-counts.ts";

const members = [2, 5].map((id) => ({ id, weight: 1, publicKey: "00".repeat(32) }));

/** Counts blocks 1, 2, …, each with the votes that it carries; views go in steps of two. */
function counted(blocks: readonly (readonly CarriedVote[])[]): readonly VoteCounts[] {
  const counts = [createCounts(1, 1, members)];
  for (const [index, votes] of blocks.entries())
    countVotes(counts, { height: index + 1, view: 2 * (index + 1), votes });
  return counts;
}
const newest = (counts: readonly VoteCounts[], validator = 5, conflicts: readonly number[] = []) =>
  conductOf(counts.at(-1) ?? createCounts(1, 1, members), validator, new Set(conflicts));

test.each<[depth: number, field: "timely" | "late"]>([
  [1, "timely"],
  [2, "timely"],
  [3, "late"],
  [8, "late"],
])("a vote that is carried %d blocks on is %s", (depth, field) => {
  const blocks = [...Array.from({ length: depth }, () => []), [{ depth, signer: 5 }]];
  const missed = depth;
  expect(newest(counted(blocks))).toMatchObject({ blocks: depth + 1, missed, [field]: 1 });
});

test("the first carrier counts, whoever else carries the vote", () => {
  const counts = counted([[], [{ depth: 1, signer: 5, executedHash: "ab".repeat(32) }], [], [{ depth: 3, signer: 5 }]]);
  expect(newest(counts)).toMatchObject({ blocks: 4, timely: 1, missed: 3, conflicting: 0, carried: 1, dissenting: 1 });
});

test("votes of strangers and for blocks before the first count nowhere", () => {
  const counts = counted([
    [{ depth: 1, signer: 5 }],
    [
      { depth: 2, signer: 5 },
      { depth: 1, signer: 9 },
    ],
  ]);
  expect(newest(counts)).toMatchObject({ timely: 0, missed: 2 });
  expect(newest(counts, 2)).toMatchObject({ timely: 0, missed: 2 });
});

test("a conflict outweighs the vote, once for a block, and views without a block count nowhere", () => {
  const counts = counted([[], [{ depth: 1, signer: 5 }]]);
  expect(newest(counts, 5, [2, 3])).toMatchObject({ timely: 0, conflicting: 1, missed: 1, carried: 1 });
});

test("the windows are eight equal parts of the epoch", () => {
  const carriers = Array.from({ length: 20 }, (_, index) => (index % 2 === 1 ? [{ depth: 1, signer: 5 }] : []));
  const { windows } = newest(counted(carriers));
  // Blocks 0, 2, 4 … of 20 are timely; block b lies in window ⌊8b/20⌋.
  expect(windows.map(({ blocks }) => blocks)).toEqual([3, 2, 3, 2, 3, 2, 3, 2]);
  expect(windows.map(({ timely }) => timely)).toEqual([2, 1, 1, 1, 2, 1, 1, 1]);
});

test("a vote for a block of the epoch before counts there", () => {
  const first = counted([[], []]);
  const counts = withEpoch(first, createCounts(2, 3, members));
  countVotes(counts, { height: 3, view: 1, votes: [{ depth: 1, signer: 5 }] });
  expect(newest(counts.slice(0, 1))).toMatchObject({ timely: 1, missed: 1 });
  expect(newest(counts)).toMatchObject({ blocks: 1, missed: 1 });
});

test("silence is two whole epochs and the one under way", () => {
  let counts = counted([[]]);
  expect(isSilent(counts, 5)).toBe(false);
  counts = withEpoch(counts, createCounts(2, 2, members));
  expect(isSilent(counts, 5)).toBe(false);
  counts = withEpoch(counts, createCounts(3, 2, members));
  expect(isSilent(counts, 5)).toBe(true);
  countVotes(counts, { height: 2, view: 1, votes: [{ depth: 1, signer: 5 }] });
  expect(isSilent(counts, 5)).toBe(false);
  counts = withEpoch(counts, createCounts(4, 3, members));
  expect(counts.map(({ epoch }) => epoch)).toEqual([2, 3, 4]);
  expect(isSilent(counts, 5)).toBe(true);
});

test("counts go through bytes", () => {
  const [counts = createCounts(1, 1, [])] = counted([[], [{ depth: 1, signer: 2 }], [{ depth: 2, signer: 5 }]]);
  const read = parse(writeCounts(writer(), counts).done(), readCounts);
  const again = read.ok ? read.value : createCounts(1, 1, []);
  expect(writeCounts(writer(), again).done()).toEqual(writeCounts(writer(), counts).done());
  expect([2, 5].map((id) => newest([again], id))).toEqual([2, 5].map((id) => newest([counts], id)));
});
