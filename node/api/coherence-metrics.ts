import { Gauge, type Registry } from "prom-client";
import { PPM } from "../base/units.ts";
import type { CoherenceView } from "../chain/coherence-view.ts";

const BANDS: readonly CoherenceView["band"][] = ["green", "yellow", "red", "critical"];

/** Series of what is committed: equal on all nodes that have executed the same closing block. */
export function coherenceMetrics(registry: Registry): (view: CoherenceView) => void {
  const registers = [registry];
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
  const coherence = gauge("hmn_coherence_ratio", "Coherence density of the validators, 0 to 1.");
  const meanPsi = gauge("hmn_mean_psi_ratio", "Coherence score of the validators, averaged by weight, 0 to 1.");
  const lambda = gauge("hmn_lambda_ratio", "Stability scalar, 0.3 to 1: high means calm.");
  const effective = gauge("hmn_lambda_effective_ratio", "Stability scalar after attunement: it paces the services.");
  const alpha = gauge("hmn_attunement_ratio", "The network parameter that the stability scalar is multiplied by.");
  const emergency = gauge("hmn_coherence_emergency", "1 in an emergency: nothing is minted and no weight moves.");
  const measured = gauge("hmn_coherence_epoch", "Epoch that these values were measured in; 0 before the first.");
  const band = new Gauge({
    name: "hmn_coherence_band",
    help: "1 for the band that the mean score is in.",
    labelNames: ["band"],
    registers,
  });
  const psi = new Gauge({
    name: "hmn_validator_psi_ratio",
    help: "Coherence score of each member, 0 to 1.",
    labelNames: ["validator"],
    registers,
  });
  return (view) => {
    coherence.set(view.coherencePpm / PPM);
    meanPsi.set(view.meanPsiPpm / PPM);
    lambda.set(view.lambdaPpm / PPM);
    effective.set(view.lambdaEffectivePpm / PPM);
    alpha.set(view.alphaPpm / PPM);
    emergency.set(view.mode === "Emergency" ? 1 : 0);
    measured.set(view.measuredEpoch);
    for (const name of BANDS) band.set({ band: name }, name === view.band ? 1 : 0);
    // A series of who has left would go on for ever.
    psi.reset();
    for (const { id, psiPpm } of view.validators) psi.set({ validator: String(id) }, psiPpm / PPM);
  };
}
