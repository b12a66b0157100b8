import { runSeed } from "./run.ts";
import type { RunReport } from "./run-options.ts";
import type { Case } from "./shrink.ts";

/** What became of a seed that ran twice: `failure` names the checker that saw it first. */
export type Verdict = RunReport & { readonly failure: string | undefined };

/** Storms leave no coherence to mint by: one seed in so many goes on in calm weather until this epoch. */
const CALM_SEEDS = 4;
const CALM_EPOCH = 16;
/** In one seed of so many owners and authority give orders in the storm. */
const ORDERED_SEEDS = 3;

/** Runs a case twice: the same seed has to do the same. */
export function runTwice(one: Case): Verdict {
  const orders = one.seed % ORDERED_SEEDS === 1;
  const calm = one.seed % CALM_SEEDS === 0;
  const options = { ...one, shape: { ...one.shape, orders }, ...(calm ? { untilEpoch: CALM_EPOCH } : {}) };
  const report = runSeed(options);
  const again = runSeed(options);
  const differs = report.traceHash === again.traceHash ? undefined : "determinism: two runs of the seed differ";
  return { ...report, failure: report.violation ?? differs };
}
