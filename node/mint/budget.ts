/** What a mint is decided by, in ppm: as measured and committed for the epoch (domain.md, "Minting"). */
export type MintMeasure = {
  /** Ĉ. */
  readonly coherencePpm: number;
  /**
   * λ, not λ_eff: domain.md writes λ_eff wherever it means the attuned one, and α, which makes the difference, is a
   * parameter: issuance has none.
   */
  readonly lambdaPpm: number;
  /** Ψ̄. */
  readonly meanPsiPpm: number;
};

type MintTime = Pick<MintMeasure, "coherencePpm" | "lambdaPpm"> & {
  /** Closed since the last mint, this one included; before the first mint: since genesis. */
  readonly epochsSinceLast: number;
  /** Epochs that have been measured, this one included. */
  readonly measuredEpochs: number;
  readonly emergency: boolean;
};

const MEASURED_EPOCHS_MIN = 3;

/** Whether an epoch is one with a mint: at least k after the last; never in an emergency, nor before three measured epochs. */
export function mintDue({ epochsSinceLast, measuredEpochs, emergency, ...measure }: MintTime): boolean {
  return !emergency && measuredEpochs >= MEASURED_EPOCHS_MIN && epochsSinceLast >= cadence(measure);
}

/** k: 2 when Ĉ > 0.9 and λ > 0.8, 3 when Ĉ > 0.8 and λ > 0.6, 5 when Ĉ ≥ 0.8, otherwise 10. */
function cadence({ coherencePpm, lambdaPpm }: Pick<MintMeasure, "coherencePpm" | "lambdaPpm">): number {
  if (coherencePpm > 900_000 && lambdaPpm > 800_000) return 2;
  if (coherencePpm > 800_000 && lambdaPpm > 600_000) return 3;
  return coherencePpm >= 800_000 ? 5 : 10;
}

/** 100 FLX in the smallest unit. */
const BASE = 100_000_000n;

/**
 * B = 100 FLX · clamp(0.4·Ĉ/0.8 + 0.3·λ/0.7 + 0.3·Ψ̄/0.9, 0.5, 2), in the smallest unit. The sum is (21·Ĉ + 18·λ + 14·Ψ̄)/42;
 * as each is at most 1 it never comes to 2.
 */
export function mintBudget({ coherencePpm, lambdaPpm, meanPsiPpm }: MintMeasure): bigint {
  const sum = BigInt(21 * coherencePpm + 18 * lambdaPpm + 14 * meanPsiPpm);
  const budget = (BASE * sum) / 42_000_000n;
  return clamp(budget, { min: BASE / 2n, max: 2n * BASE });
}

const clamp = (value: bigint, { min, max }: { min: bigint; max: bigint }): bigint =>
  value < min ? min : value > max ? max : value;
