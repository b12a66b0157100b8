import { type Millis, millis, PPM, type Ppm } from "../base/units.ts";

/** What sets the pace of every background service: λ_eff and Ĉ (domain.md, "λ(t)"). */
export type Pace = { readonly lambdaPpm: Ppm; readonly coherencePpm: Ppm };

const INTERVAL_MIN_MS = 100;

/**
 * base / clamp((1/max(0.3, λ_eff) + 1/max(0.5, Ĉ))/2, 0.5, 2), never under 0.1 s (domain.md, "λ(t)"). Always from the
 * configured base, never from the last interval. Local, so floating arithmetic will do.
 */
export function intervalOf(base: Millis, { lambdaPpm, coherencePpm }: Pace): Millis {
  const lambda = Math.max(0.3, lambdaPpm / PPM);
  const coherence = Math.max(0.5, coherencePpm / PPM);
  const haste = Math.min(2, Math.max(0.5, (1 / lambda + 1 / coherence) / 2));
  return millis(Math.max(INTERVAL_MIN_MS, base / haste));
}
