import { itemKey } from "../runtime/resource.ts";
import type { Caches } from "./caches.ts";
import { decodeCluster, decodeRollout } from "./decode.ts";
import type { Fleet, Rival } from "./snapshot.ts";

export type FleetOptions = { readonly freeze: boolean; readonly maxConcurrentRollouts: number };

/** The clusters of this operator as one fleet. */
export type Fleets = {
  readonly of: (clusterKey: string) => Fleet;
  /** An upgrade of this cluster has been decided on: it counts until the caches show what became of it. */
  readonly begun: (clusterKey: string) => void;
  /** The caches show all that was written for this cluster. */
  readonly shown: (clusterKey: string) => void;
};

export function createFleets(caches: Pick<Caches, "items">, options: FleetOptions): Fleets {
  const begun = new Set<string>();
  const rivals = (clusterKey: string): readonly Rival[] => {
    const rolling = new Set(begun);
    const uids = new Set<string>();
    for (const item of caches.items("HmnRollout")) {
      const rollout = decodeRollout(item);
      // A first deployment takes nobody's service away.
      if (rollout.ok && rollout.value.spec.kind === "Upgrade" && rollout.value.status.completionTime === undefined)
        uids.add(rollout.value.spec.clusterUID);
    }
    return caches.items("HmnCluster").flatMap((item): readonly Rival[] => {
      const key = itemKey(item);
      const cluster = decodeCluster(item);
      if (key === clusterKey || !cluster.ok || cluster.value.metadata.deleting) return [];
      if (rolling.has(key) || uids.has(cluster.value.metadata.uid)) return [{ cluster: key, waitingSince: undefined }];
      const { waitingFor } = cluster.value.status;
      return waitingFor?.reason === "FleetLimit" ? [{ cluster: key, waitingSince: waitingFor.since }] : [];
    });
  };
  return {
    of: (clusterKey) => ({
      frozen: options.freeze,
      maxConcurrentRollouts: options.maxConcurrentRollouts,
      rivals: () => rivals(clusterKey),
    }),
    begun: (clusterKey) => {
      begun.add(clusterKey);
    },
    shown: (clusterKey) => {
      begun.delete(clusterKey);
    },
  };
}
