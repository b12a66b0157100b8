import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { seededRandom } from "../base/random.ts";
import { fc } from "../base/test-property.ts";
import { combineResonance, RESONANCE_VALID, resonance } from "./resonance.ts";
import { welchCoherence } from "./welch.ts";

type Golden = {
  readonly name: string;
  readonly segment: number;
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly coherence: readonly number[];
};
const GOLDEN = readFileSync(join(import.meta.dirname, "welch.golden.jsonl"), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Golden);

test.each(GOLDEN)(
  "$name, segments of $segment: as SciPy computes it (welch.golden.py)",
  ({ segment, x, y, coherence }) => {
    const own = welchCoherence(x, y, segment);
    expect(own).toHaveLength(coherence.length);
    own?.forEach((share, frequency) => {
      expect(share).toBeCloseTo(coherence[frequency] ?? -1, 9);
    });
  },
);

test("a score is the mean over all frequencies, of the newest 1024 samples", () => {
  const { x, y, coherence } = GOLDEN.find(({ segment, x: own }) => segment === 32 && own.length === 1_024) ??
    GOLDEN[0] ?? {
      ...{ x: [], y: [], coherence: [] },
    };
  const mean = coherence.reduce((sum, share) => sum + share, 0) / coherence.length;
  expect(resonance(x, y)).toBeCloseTo(mean, 9);
  expect(resonance([...y, ...x], [...x, ...y])).toBeCloseTo(mean, 9);
});

const noise = (seed: bigint, length: number): readonly number[] => {
  const random = seededRandom(seed);
  return Array.from({ length }, () => random.below(1_000_000) / 1_000_000);
};

test("what is shared is valid, what is not is not", () => {
  const [shared, one, other] = [noise(1n, 400), noise(2n, 400), noise(3n, 400)];
  const with_ = (own: readonly number[], part: number) => shared.map((sample, at) => sample + part * (own[at] ?? 0));
  expect(resonance(shared, shared)).toBeCloseTo(1, 12);
  expect(resonance(with_(one, 0.2), with_(other, 0.2))).toBeGreaterThan(RESONANCE_VALID);
  expect(resonance(with_(one, 2), with_(other, 2))).toBeLessThan(RESONANCE_VALID);
  expect(resonance(one, other)).toBeLessThan(0.2);
});

test("too few samples, no signal or series that don't belong together have no score, never one of 1", () => {
  const series = noise(7n, 400);
  // Eight segments of 32 that overlap by half: 9 · 16 samples.
  expect(resonance(series.slice(0, 143), series.slice(0, 143))).toBeUndefined();
  expect(resonance(series.slice(0, 144), series.slice(0, 144))).toBeCloseTo(1, 12);
  expect(resonance([], [])).toBeUndefined();
  expect(resonance(series, series.slice(1))).toBeUndefined();
  expect(
    resonance(
      series,
      series.map(() => 5),
    ),
  ).toBeUndefined();
  expect(
    resonance(
      series.map(() => 0),
      series,
    ),
  ).toBeUndefined();
  expect(resonance(series, [...series.slice(1), Number.NaN])).toBeUndefined();
  expect(resonance(series, [...series.slice(1), Number.POSITIVE_INFINITY])).toBeUndefined();
});

test("frequencies that hold nothing share nothing, so a lone wave is no proof", () => {
  const wave = Array.from({ length: 320 }, (_, at) => Math.sin((2 * Math.PI * 4 * at) / 32));
  expect(resonance(wave, wave)).toBeCloseTo(3 / 17, 9);
});

test("a score lies in [0, 1], is the same either way round, and is blind to unit and offset", () => {
  const sample = fc.integer({ min: -1_000_000, max: 1_000_000 }).map((thousandths) => thousandths / 1_000);
  const series = fc.array(fc.tuple(sample, sample), { minLength: 144, maxLength: 300 });
  fc.assert(
    fc.property(series, fc.integer({ min: 1, max: 10_000 }), (pairs, scale) => {
      const [one, other] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)];
      const score = resonance(one, other);
      fc.pre(score !== undefined);
      expect(score >= 0 && score <= 1).toBe(true);
      expect(resonance(other, one)).toBeCloseTo(score, 9);
      const moved = other.map((value) => 3 - (scale / 100) * value);
      expect(resonance(one, moved)).toBeCloseTo(score, 6);
    }),
    { numRuns: 50 },
  );
});

test("the three best are combined with weights φ^(−2k)", () => {
  const square = ((1 + Math.sqrt(5)) / 2) ** 2;
  expect(combineResonance([])).toBeUndefined();
  expect(combineResonance([undefined, undefined])).toBeUndefined();
  expect(combineResonance([undefined, 0.4])).toBeCloseTo(0.4, 12);
  expect(combineResonance([0.2, 0.9])).toBeCloseTo((0.9 + 0.2 / square) / (1 + 1 / square), 12);
  const three = (0.9 + 0.5 / square + 0.2 / square ** 2) / (1 + 1 / square + 1 / square ** 2);
  expect(combineResonance([0.2, 0.9, 0.5])).toBeCloseTo(three, 12);
  expect(combineResonance([0.1, 0.5, undefined, 0.2, 0.9, 0])).toBeCloseTo(three, 12);
});
