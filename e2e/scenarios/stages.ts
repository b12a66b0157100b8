import type { Cluster } from "../cluster/cluster.ts";
import type { Progress } from "../kit/progress.ts";
import type { ApiReader } from "../kit/proxy.ts";
import { QUICK_ROLLOUT } from "./phases.ts";
import type { StageName } from "./scenario.ts";
import { prepareSmallVolumes, removeSmallVolumes, SMALL_CLASS } from "./small-volumes.ts";
import { type Stage, stageOf } from "./stage.ts";

/**
 * Between what a crowded machine of two cores makes of a good release, and the three seconds of the slow one. What peers say of a
 * vote's delay tells more of such a machine than of a release.
 */
const SERVICE_LEVELS = { latencyP95Millis: 2500, voteDelayP95Millis: 1000, peersAvailabilityPpm: 500_000 };

/** Less than the example's whole core, so that a demo that was left running fits beside it on hosts of two cores. */
const RESOURCES = { cpu: "600m", memory: "256Mi" };

/** As short as the API server takes it. */
const GIVEN_UP_AFTER_SECONDS = 60;

/** The HmnClusters of the scenarios. `trouble` stands on volumes that can be filled, where there is a way onto the hosts. */
export function openStages(cluster: Cluster, reader: ApiReader): Record<StageName, Stage> {
  const { exec } = cluster;
  return {
    releases: stageOf({
      cluster,
      reader,
      plan: {
        namespace: "hmn-e2e-releases",
        spec: {
          resources: RESOURCES,
          serviceLevels: SERVICE_LEVELS,
          rollout: QUICK_ROLLOUT,
          storage: { size: "256Mi", retention: "Retain" },
        },
      },
    }),
    losses: stageOf({
      cluster,
      reader,
      plan: {
        namespace: "hmn-e2e-losses",
        spec: {
          // Whoever hands a whole chain to a newcomer, under load, needs more than the others.
          resources: { ...RESOURCES, memory: "512Mi" },
          serviceLevels: SERVICE_LEVELS,
          rollout: { ...QUICK_ROLLOUT, phases: [{ percent: 100, soakSeconds: 4 }] },
          storage: {
            size: "256Mi",
            retention: "Retain",
            replaceLostVolumes: { policy: "After", afterSeconds: GIVEN_UP_AFTER_SECONDS },
            rebuildDamaged: { afterSeconds: GIVEN_UP_AFTER_SECONDS },
          },
        },
      },
    }),
    restores: stageOf({
      cluster,
      reader,
      plan: {
        namespace: "hmn-e2e-restores",
        spec: {
          resources: RESOURCES,
          serviceLevels: SERVICE_LEVELS,
          rollout: { ...QUICK_ROLLOUT, phases: [{ percent: 100, soakSeconds: 4 }] },
          storage: { size: "256Mi", retention: "Delete" },
        },
      },
    }),
    trouble: stageOf({
      cluster,
      reader,
      plan: {
        namespace: "hmn-e2e-trouble",
        spec: {
          resources: RESOURCES,
          serviceLevels: SERVICE_LEVELS,
          rollout: { ...QUICK_ROLLOUT, phases: [{ percent: 100, soakSeconds: 4 }] },
          storage: {
            size: "256Mi",
            retention: "Delete",
            ...(exec === undefined ? {} : { className: SMALL_CLASS }),
          },
        },
        ...(exec === undefined
          ? {}
          : {
              prepare: (progress: Progress) => prepareSmallVolumes(cluster, exec, progress),
              tidy: () => removeSmallVolumes(cluster, exec),
            }),
      },
    }),
  };
}
