import type { RolloutStatus } from "../../operator/api/rollout.ts";
import type { Item } from "../../operator/runtime/resource.ts";
import { carriedOut, type Subject } from "./subject.ts";

type Rollout = Item & { readonly status?: RolloutStatus };

/**
 * Of every rolled-back rollout, in seconds: from the first ready node on the bad release to the verdict, as its own record tells, and
 * from the verdict to the first write to a pod or StatefulSet, as the operator's log does.
 */
export function rollbackTimes(records: readonly Item[], leader: Subject) {
  const acted = carriedOut(leader).filter(({ kind }) => kind === "Pod" || kind === "StatefulSet");
  const verdicts: number[] = [];
  const firstWrites: number[] = [];
  for (const { metadata, status } of records as readonly Rollout[]) {
    if (status?.state !== "RolledBack") continue;
    const at = (event: string): number =>
      Date.parse(status.timeline?.find((entry) => entry.event === event)?.time ?? "");
    const decided = at("RollingBack");
    verdicts.push((decided - at("NodeReady")) / 1000);
    const cluster = `${metadata.namespace}/${metadata.name.replace(/-\d+$/, "")}`;
    const first = acted.find((line) => line.cluster === cluster && Date.parse(line.time) >= decided);
    if (first !== undefined) firstWrites.push((Date.parse(first.time) - decided) / 1000);
  }
  return { verdicts, firstWrites };
}
