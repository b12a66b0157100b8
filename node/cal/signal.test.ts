import { expect, test } from "vitest";
import { seededRandom } from "../base/random.ts";
import { agreement, createRecorder, noteBlock, type SignalRecorder, signalOf } from "./signal.ts";

const note = (recorder: SignalRecorder, height: number, atMs: number, live = true): void =>
  noteBlock(recorder, { height, atMs, live });

test("intervals of heights without a gap, the newest of them, in microseconds", () => {
  const recorder = createRecorder(3);
  for (const [height, atMs] of [
    [5, 100],
    [6, 101.5],
    [7, 1_000],
  ] as const)
    note(recorder, height, atMs);
  expect(signalOf(recorder)).toEqual({ first: 6, intervalsUs: [1_500, 898_500] });
  for (const height of [8, 9]) note(recorder, height, 1_000 + height);
  expect(signalOf(recorder)).toEqual({ first: 7, intervalsUs: [898_500, 8_000, 1_000] });
  note(recorder, 11, 2_000);
  expect(signalOf(recorder).intervalsUs).toEqual([]);
  note(recorder, 12, 2_001);
  expect(signalOf(recorder)).toEqual({ first: 12, intervalsUs: [1_000] });
});

test("a block that was fetched has no time, and the next one no interval", () => {
  const recorder = createRecorder(8);
  for (const height of [1, 2, 3]) note(recorder, height, height * 10);
  note(recorder, 4, 31, false);
  note(recorder, 5, 50);
  expect(signalOf(recorder).intervalsUs).toEqual([]);
  note(recorder, 6, 60);
  expect(signalOf(recorder)).toEqual({ first: 6, intervalsUs: [10_000] });
});

test("two that saw the same blocks agree over the heights that both have, others do not", () => {
  const random = seededRandom(1n);
  const [one, two, other] = [createRecorder(256), createRecorder(256), createRecorder(256)];
  let [atMs, otherMs] = [0, 0];
  for (let height = 1; height <= 200; height++) {
    atMs += 100 + random.below(900);
    otherMs += 100 + random.below(900);
    note(one, height, atMs + random.below(20));
    if (height > 50) note(two, height, atMs + random.below(20));
    note(other, height, otherMs);
  }
  // 149 intervals are common, 144 are needed.
  expect(agreement(signalOf(one), signalOf(two))).toBeGreaterThan(0.98);
  expect(agreement(signalOf(one), signalOf(other))).toBeLessThan(0.5);
  const short = { ...signalOf(two), intervalsUs: signalOf(two).intervalsUs.slice(0, 143) };
  expect(agreement(signalOf(one), short)).toBeUndefined();
  expect(agreement(signalOf(one), { first: 1_000, intervalsUs: signalOf(one).intervalsUs })).toBeUndefined();
});
