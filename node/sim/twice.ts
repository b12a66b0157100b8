import { runSeed } from "./run.ts";
import type { RunReport } from "./run-options.ts";
import type { Case } from "./shrink.ts";

/** What became of a seed that ran twice: `failure` names the checker that saw it first. */
export type Verdict = RunReport & { readonly failure: string | undefined };

/** Runs a case twice: the same seed has to do the same. */
export function runTwice(one: Case): Verdict {
  const report = runSeed(one);
  const again = runSeed(one);
  const differs = report.traceHash === again.traceHash ? undefined : "determinism: two runs of the seed differ";
  return { ...report, failure: report.violation ?? differs };
}
