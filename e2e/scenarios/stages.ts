import type { Cluster } from "../cluster/cluster.ts";
import type { ApiReader } from "../kit/proxy.ts";
import { QUICK_ROLLOUT } from "./phases.ts";
import type { StageName } from "./scenario.ts";
import { prepareSmallVolumes, SMALL_CLASS } from "./small-volumes.ts";
import { type Stage, stageOf } from "./stage.ts";

/** The HmnClusters of the scenarios. `trouble` stands on volumes that can be filled, where there is a way onto the hosts. */
export function openStages(cluster: Cluster, reader: ApiReader): Record<StageName, Stage> {
  const { exec } = cluster;
  return {
    releases: stageOf({
      cluster,
      reader,
      plan: {
        namespace: "hmn-e2e-releases",
        spec: { rollout: QUICK_ROLLOUT, storage: { size: "256Mi", retention: "Retain" } },
      },
    }),
    trouble: stageOf({
      cluster,
      reader,
      plan: {
        namespace: "hmn-e2e-trouble",
        spec: {
          rollout: { ...QUICK_ROLLOUT, phases: [{ percent: 100, soakSeconds: 4 }] },
          storage: {
            size: "256Mi",
            retention: "Delete",
            ...(exec === undefined ? {} : { className: SMALL_CLASS }),
          },
        },
        ...(exec === undefined ? {} : { prepare: (progress) => prepareSmallVolumes(cluster, exec, progress) }),
      },
    }),
  };
}
