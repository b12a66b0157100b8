import { memo } from "../base/memo.ts";
import type { Omega } from "../cal/omega.ts";
import { type Band, bandOf } from "../cal/psi.ts";
import type { Chain } from "./chain.ts";
import { alphaPpm, lambdaEffectivePpm } from "./coherence.ts";
import type { Governance } from "./governance.ts";

/** How well the validators work together, as people and services ask for it. Ratios in ppm. */
export type CoherenceView = {
  /** The epoch of the next block. */
  readonly epoch: number;
  /** The newest epoch that was measured; 0: none, and the values are those of the beginning. */
  readonly measuredEpoch: number;
  /** Ĉ, Ĉ_q and Ψ̄. */
  readonly coherencePpm: number;
  readonly quorumCoherencePpm: number;
  readonly meanPsiPpm: number;
  readonly band: Band;
  /** λ, α and λ_eff. */
  readonly lambdaPpm: number;
  readonly alphaPpm: number;
  readonly lambdaEffectivePpm: number;
  readonly mode: "Normal" | "Emergency";
  /** The members, by id ascending, with their weight of this epoch, and Ω and Ψ as last measured. */
  readonly validators: readonly {
    readonly id: number;
    readonly weight: number;
    readonly psiPpm: number;
    readonly omega: Omega;
  }[];
};

export const coherenceView = ({ governance }: Pick<Chain, "governance">): CoherenceView => viewOf(governance);

/** Worked out once for each state of the governance. */
const viewOf = memo(({ epoch, parameters, coherence, validators }: Governance): CoherenceView => {
  const { coherencePpm, quorumCoherencePpm, meanPsiPpm, stability } = coherence;
  return {
    ...{ epoch: epoch.number, measuredEpoch: coherence.epoch, coherencePpm, quorumCoherencePpm, meanPsiPpm },
    band: bandOf(meanPsiPpm),
    lambdaPpm: stability.lambdaPpm,
    alphaPpm: alphaPpm(coherence, parameters.values),
    lambdaEffectivePpm: lambdaEffectivePpm(coherence, parameters.values),
    mode: stability.emergency.active ? "Emergency" : "Normal",
    validators: epoch.members.flatMap(({ id, weight }) => {
      const validator = validators.get(id);
      return validator === undefined ? [] : [{ id, weight, psiPpm: validator.psiPpm, omega: validator.omega }];
    }),
  };
});
