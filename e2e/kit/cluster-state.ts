import { describeCluster, describePods } from "./follow.ts";
import { conditionOf, type HmnCluster } from "./objects.ts";
import type { Progress } from "./progress.ts";
import type { View } from "./view.ts";
import { found, instead, waitFor } from "./wait.ts";

export const STATE_TIMEOUT_MS = 10 * 60_000;

/** Waits until the cluster's status satisfies a condition; a failure tells status and pods as they were last seen. */
export function untilCluster(
  view: View,
  what: string,
  holds: (cluster: HmnCluster) => boolean,
  { progress, timeoutMs = STATE_TIMEOUT_MS }: { progress: Progress; timeoutMs?: number },
): Promise<HmnCluster> {
  return waitFor(
    what,
    async () => {
      const cluster = await view.hmn();
      if (cluster === undefined) return instead(`there is no HmnCluster ${view.name}`);
      if (holds(cluster)) return found(cluster);
      return instead(`${describeCluster(cluster)}; ${describePods(await view.pods())}`);
    },
    { progress, timeoutMs },
  );
}

/** The status speaks of the current spec. */
export const isCurrent = (cluster: HmnCluster): boolean =>
  cluster.status.observedGeneration === cluster.metadata.generation;

/** `Ready` for the spec as it is now. */
export function isReady(cluster: HmnCluster): boolean {
  const ready = conditionOf(cluster, "Ready");
  return isCurrent(cluster) && ready?.status === "True" && ready.observedGeneration === cluster.metadata.generation;
}
