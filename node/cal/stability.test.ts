import { expect, test } from "vitest";
import { gossipIntervalMs } from "./gossip-interval.ts";
import { effectiveLambdaPpm, epochLengthMs, INITIAL_STABILITY, nextStability, type Stability } from "./stability.ts";

const MILLION = 1_000_000;
const CALM = { coherencePpm: MILLION, meanPsiPpm: MILLION, quorumCoherencePpm: MILLION };

test.each([
  // λ + 0.2·((0.5 + 0.4·Ĉ·Ψ̄) − λ)
  [700_000, MILLION, MILLION, 740_000],
  [700_000, 0, MILLION, 660_000],
  [700_000, 500_000, 500_000, 680_000],
  [300_000, 0, 0, 340_000],
  [MILLION, MILLION, MILLION, 980_000],
  // The last millionths, toward zero: 0.2·4 = 0.8 and −0.2·4 = −0.8.
  [899_996, MILLION, MILLION, 899_996],
  [900_004, MILLION, MILLION, 900_004],
  [899_995, MILLION, MILLION, 899_996],
  [900_005, MILLION, MILLION, 900_004],
  // 0.2·(0.5 + 0.4·0.85·0.9 − 0.7) = 0.0212
  [700_000, 850_000, 900_000, 721_200],
])("λ %d with Ĉ %d and Ψ̄ %d becomes %d", (lambdaPpm, coherencePpm, meanPsiPpm, next) => {
  const before = { ...INITIAL_STABILITY, lambdaPpm };
  expect(nextStability(before, { ...CALM, coherencePpm, meanPsiPpm }).lambdaPpm).toBe(next);
});

test("κ sets how fast λ goes: not at all, or at once", () => {
  const at = (kappaPpm: number) => nextStability(INITIAL_STABILITY, { ...CALM, kappaPpm }).lambdaPpm;
  expect([at(0), at(MILLION)]).toEqual([700_000, 900_000]);
});

/** Epochs one after the other: whether each ends in an emergency. */
function follow(...epochs: readonly (readonly [quorumCoherencePpm: number, meanPsiPpm: number])[]): string {
  let stability: Stability = INITIAL_STABILITY;
  return epochs
    .map(([quorumCoherencePpm, meanPsiPpm]) => {
      stability = nextStability(stability, { coherencePpm: MILLION, quorumCoherencePpm, meanPsiPpm });
      return stability.emergency.active ? "E" : ".";
    })
    .join("");
}

test("an emergency starts under 0.7 of the best quorum or 0.35 of Ψ̄, and ends after three calm epochs in a row", () => {
  const calm = [750_000, 350_000] as const;
  expect(follow([700_000, 350_000], [699_999, MILLION])).toBe(".E");
  expect(follow([MILLION, 350_000], [MILLION, 349_999])).toBe(".E");
  expect(follow([0, 0], calm, calm, calm, calm)).toBe("EEE..");
  // What is no alarm is not calm yet; the count begins again.
  expect(follow([0, 0], calm, calm, [749_999, MILLION], calm, calm, calm)).toBe("EEEEEE.");
  expect(follow([0, 0], calm, calm, [MILLION, 349_999], calm, calm, calm)).toBe("EEEEEE.");
  expect(follow([0, 0], calm, calm, calm, [0, 0], calm, calm, calm)).toBe("EEE.EEE.");
});

test.each([
  [700_000, 1_000_000, 700_000],
  [700_000, 1_020_000, 714_000],
  [700_001, 800_000, 560_000],
  [300_000, 800_000, 300_000],
  [900_000, 1_200_000, MILLION],
])("λ %d attuned by α %d is %d", (lambdaPpm, alphaPpm, effective) => {
  expect(effectiveLambdaPpm(lambdaPpm, alphaPpm)).toBe(effective);
});

test.each([
  [60_000, 700_000, false, 42_000],
  [60_000, MILLION, false, 60_000],
  [60_000, 700_009, false, 42_000],
  [10_000, MILLION, false, 10_000],
  [30_000, 300_000, false, 10_000],
  [3_600_000, MILLION, true, 10_000],
])(
  "an epoch from a base of %d ms with λ_eff %d, emergency %s: %d ms",
  (baseMs, lambdaEffectivePpm, emergency, length) => {
    expect(epochLengthMs({ baseMs, lambdaEffectivePpm, emergency })).toBe(length);
  },
);

test.each([
  [499_999, 7, 50, 500],
  [500_000, 7, 50, 2_000],
  [799_999, 7, 50, 2_000],
  [800_000, 7, 50, 10_000],
  [600_000, 10, 50, 2_000],
  [600_000, 11, 50, 3_000],
  [600_000, 5, 50, 2_000],
  [600_000, 4, 50, 1_600],
  [600_000, 7, 100, 2_000],
  [600_000, 7, 101, 2_600],
  [600_000, 7, 20, 2_000],
  [600_000, 7, 19, 1_400],
  [600_000, 0, undefined, 1_600],
  [900_000, 99, 1, 10_500],
])("gossip with λ_eff %d, %d queued, %s ms away: each %d ms", (lambdaEffectivePpm, queued, meanLatencyMs, interval) => {
  expect(gossipIntervalMs({ lambdaEffectivePpm, queued, meanLatencyMs })).toBe(interval);
});
