import { assert } from "../base/assert.ts";
import { type Millis, millis, PPM } from "../base/units.ts";
import type { Measured } from "./measure.ts";
import { isPpm } from "./ratio.ts";

/** λ and the emergency: committed, from one epoch to the next (domain.md, "λ(t)"). */
export type Stability = {
  /** In [0.3, 1]; high means calm. */
  readonly lambdaPpm: number;
  readonly emergency: {
    readonly active: boolean;
    /** Calm epochs in a row since it began. */
    readonly calmEpochs: number;
  };
};

export const INITIAL_STABILITY: Stability = { lambdaPpm: 700_000, emergency: { active: false, calmEpochs: 0 } };

const LAMBDA_MIN = 300_000;
const KAPPA_PPM = 200_000;
const QUORUM_ALARM = 700_000;
const QUORUM_CALM = 750_000;
/** Under it Ψ̄ is critical. */
const PSI_ALARM = 350_000;
const CALM_EPOCHS = 3;
const EMERGENCY_EPOCH_MS = 10_000;

const clampLambda = (lambda: number): number => Math.min(PPM, Math.max(LAMBDA_MIN, lambda));

type Given = Pick<Measured, "coherencePpm" | "meanPsiPpm" | "quorumCoherencePpm"> & {
  /** κ: the part of the way that λ goes in an epoch; 0.2 where it is not given. */
  readonly kappaPpm?: number;
};

/** Once per epoch, from what was measured of it. */
export const nextStability = (before: Stability, measured: Given): Stability => ({
  lambdaPpm: nextLambda(before.lambdaPpm, measured),
  emergency: nextEmergency(before.emergency, measured),
});

/**
 * λ' = clamp(λ + κ·((0.5 + 0.4·Ĉ·Ψ̄) − λ), 0.3, 1), the division toward zero: so λ rests within ⌈1/κ⌉ ppm of its aim.
 */
function nextLambda(lambda: number, { coherencePpm, meanPsiPpm, kappaPpm = KAPPA_PPM }: Given): number {
  assert([lambda, coherencePpm, meanPsiPpm, kappaPpm].every(isPpm), "λ moves by ratios");
  // In units of 10⁻¹³: 0.5 + 0.4·Ĉ·Ψ̄ − λ.
  const way = 5_000_000_000_000n + 4n * BigInt(coherencePpm) * BigInt(meanPsiPpm) - 10_000_000n * BigInt(lambda);
  return clampLambda(lambda + Number((BigInt(kappaPpm) * way) / 10_000_000_000_000n));
}

/** Starts when Ĉ_q < 0.7 or Ψ̄ < 0.35, ends after three epochs in a row with Ĉ_q ≥ 0.75 and Ψ̄ ≥ 0.35. */
function nextEmergency(
  { active, calmEpochs }: Stability["emergency"],
  { meanPsiPpm, quorumCoherencePpm }: Given,
): Stability["emergency"] {
  if (!active) return { active: quorumCoherencePpm < QUORUM_ALARM || meanPsiPpm < PSI_ALARM, calmEpochs: 0 };
  const calm = quorumCoherencePpm >= QUORUM_CALM && meanPsiPpm >= PSI_ALARM ? calmEpochs + 1 : 0;
  return calm < CALM_EPOCHS ? { active, calmEpochs: calm } : { active: false, calmEpochs: 0 };
}

/** λ_eff = clamp(α·λ, 0.3, 1). α is a parameter of the network, 0.8 to 1.2. */
export const effectiveLambdaPpm = (lambdaPpm: number, alphaPpm: number): number =>
  clampLambda(Math.floor((alphaPpm * lambdaPpm) / PPM));

/** max(10 s, base·λ_eff) of block time; 10 s in an emergency. */
export function epochLengthMs({
  baseMs,
  lambdaEffectivePpm,
  emergency,
}: {
  baseMs: number;
  lambdaEffectivePpm: number;
  emergency: boolean;
}): Millis {
  if (emergency) return millis(EMERGENCY_EPOCH_MS);
  return millis(Math.max(EMERGENCY_EPOCH_MS, Math.floor((baseMs * lambdaEffectivePpm) / PPM)));
}
