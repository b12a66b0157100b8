import { type Millis, seconds } from "../../node/base/units.ts";
import { type TunedParameter, type TuningSpec, tunedParameters } from "../api/tuning.ts";

/** One parameter that may be tuned, within the cluster's bounds. */
export type Knob = {
  readonly parameter: TunedParameter;
  readonly min: number;
  readonly max: number;
  /** The first step; later ones shrink. */
  readonly step: number;
  /** The chain refuses another change before (docs/governance.md, "Parameters"). */
  readonly cooldown: Millis;
};

const COOLDOWN: Readonly<Record<TunedParameter, Millis>> = {
  attunementPpm: seconds(60),
  psiSharePpm: seconds(24 * 3600),
};

/** Of all that may be tuned, whether this cluster has it tuned or not. */
export const cooldownOf = (parameter: TunedParameter): Millis => COOLDOWN[parameter];

/** In the order of `tunedParameters`. */
export function knobsOf({ attunement, psiShare }: TuningSpec): readonly Knob[] {
  const bounds = { attunementPpm: attunement, psiSharePpm: psiShare };
  return tunedParameters.flatMap((parameter) => {
    const given = bounds[parameter];
    if (given === undefined) return [];
    const { minPpm: min, maxPpm: max, stepPpm: step } = given;
    return [{ parameter, min, max, step, cooldown: COOLDOWN[parameter] }];
  });
}
