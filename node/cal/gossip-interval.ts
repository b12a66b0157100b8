import { type Millis, millis } from "../base/units.ts";

/** What the mesh of one node looks like at the moment. */
type MeshLoad = {
  readonly lambdaEffectivePpm: number;
  /** Entries that wait to be sent. */
  readonly queued: number;
  /** Over peers that answer; undefined where none has answered yet. */
  readonly meanLatencyMs: number | undefined;
};

/**
 * How long a node waits between two rounds of gossip (domain.md, "λ(t)"): 0.5 s when λ_eff < 0.5, 2 s when < 0.8, otherwise
 * 10 s; ×1.5 with over 10 queued, ×0.8 with under 5; ×1.3 over a mean latency of 100 ms, ×0.7 under 20 ms. Local: it never
 * enters state.
 */
export function gossipIntervalMs({ lambdaEffectivePpm, queued, meanLatencyMs }: MeshLoad): Millis {
  const base = lambdaEffectivePpm < 500_000 ? 500 : lambdaEffectivePpm < 800_000 ? 2_000 : 10_000;
  const load = queued > 10 ? 1.5 : queued < 5 ? 0.8 : 1;
  return millis(Math.round(base * load * latencyFactor(meanLatencyMs)));
}

function latencyFactor(meanLatencyMs: number | undefined): number {
  if (meanLatencyMs === undefined) return 1;
  if (meanLatencyMs > 100) return 1.3;
  return meanLatencyMs < 20 ? 0.7 : 1;
}
