import type { Cluster } from "../cluster/cluster.ts";
import { formatDuration } from "../kit/duration.ts";
import type { StepRecord } from "../kit/steps.ts";
import { DEMO } from "./settings.ts";
import type { Ending } from "./story.ts";

/** Every claim of the demo that did not hold, in words; the demo succeeds only if there is none. */
export function broken({ books, disruptions, rollouts }: Ending): string[] {
  const [good, bad] = rollouts;
  return [
    ...books.violations.map(
      ({ kind, validator, detail }) =>
        `${kind}${validator === undefined ? "" : ` (validator ${validator})`}: ${detail}`,
    ),
    ...(books.acknowledged === 0 ? ["no transfer was acknowledged, so nothing was proved"] : []),
    ...disruptions.overlaps.map(
      ({ atMs, down }) => `validators ${down.join(" and ")} were down at once at ${new Date(atMs).toISOString()}`,
    ),
    ...(disruptions.samples === 0 ? ["the pods were never looked at"] : []),
    ...(good?.status.state === "Succeeded" ? [] : ["the good release did not succeed"]),
    ...(bad?.status.state === "RolledBack" ? [] : ["the bad release was not rolled back"]),
    ...(bad?.status.incident === undefined ? ["the rollback left no incident"] : []),
  ];
}

/** The story in short: what was counted. Whether it was as it should be, `broken` says. */
export function account(ending: Ending, records: readonly StepRecord[]): string {
  const { books, disruptions, rollouts } = ending;
  const incident = rollouts.at(-1)?.status.incident;
  const lines = [
    "How long it took",
    ...records.map(({ name, milliseconds }) => `  ${name.padEnd(12)} ${formatDuration(milliseconds)}`),
    "",
    "What was counted",
    `  transfers    ${books.acknowledged} acknowledged, ${books.refused} refused, ${books.unanswered} never answered`,
    `  books        journals and ${books.accounts} accounts of ${books.validators} validators read and recomputed:`,
    `               ${books.violations.length} deviations (lost, twice, changed, balances, hashes)`,
    `  agreement    compared at height ${books.commonHeight} and at checkpoint ${books.commonCheckpoint}`,
    `  disruption   ${disruptions.mostDown} validator(s) down at a time at most, in ${disruptions.samples} looks`,
  ];
  if (incident !== undefined)
    lines.push(
      `  incident     ${incident.summary}`,
      `               suspected: ${incident.suspected}`,
      `               detected ${incident.detectedAt}, resolved ${incident.resolvedAt ?? "never"}`,
    );
  return lines.join("\n");
}

export function lookAround(cluster: Cluster): string {
  const n = `-n ${DEMO.namespace}`;
  return [
    "Look around (the cluster stays up; `npm run demo -- --down` removes it)",
    `  export KUBECONFIG=${cluster.kubeconfig}`,
    `  kubectl ${n} get hmn,hmnro,pods`,
    `  kubectl ${n} describe hmnro ${DEMO.cluster}-3        # the incident, its windows, the timeline`,
    `  kubectl ${n} get hmn ${DEMO.cluster} -o yaml         # conditions, quarantine, what it waits for`,
    `  kubectl ${n} get events --sort-by=.lastTimestamp`,
  ].join("\n");
}
