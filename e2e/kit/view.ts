import { GROUP, LABELS, VERSION } from "../../operator/api/group.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { type HmnCluster, type HmnRollout, type Pod, parseCluster, parsePods, parseRollouts } from "./objects.ts";
import type { ApiReader } from "./proxy.ts";

/** One HmnCluster as it can be seen from outside, read anew on each call. */
export type View = {
  readonly cluster: Cluster;
  readonly reader: ApiReader;
  readonly namespace: string;
  readonly name: string;
  /** Undefined when there is none (any more). */
  hmn(): Promise<HmnCluster | undefined>;
  /** By number, ascending. */
  rollouts(): Promise<HmnRollout[]>;
  /** Pods of its validators, by validator. */
  pods(): Promise<Pod[]>;
};

export function viewOf({
  cluster,
  reader,
  namespace,
  name,
}: {
  cluster: Cluster;
  reader: ApiReader;
  namespace: string;
  name: string;
}): View {
  const kinds = `/apis/${GROUP}/${VERSION}/namespaces/${namespace}`;
  return {
    cluster,
    reader,
    namespace,
    name,
    hmn: async () => {
      const value = await reader.read(`${kinds}/hmnclusters/${name}`);
      return value === undefined ? undefined : parseCluster(value);
    },
    rollouts: async () =>
      parseRollouts(await reader.read(`${kinds}/hmnrollouts`)).filter((one) => one.spec.cluster === name),
    pods: async () => {
      const selector = encodeURIComponent(`${LABELS.cluster}=${name},${LABELS.validator}`);
      const pods = parsePods(await reader.read(`/api/v1/namespaces/${namespace}/pods?labelSelector=${selector}`));
      return pods.toSorted((a, b) => a.validator - b.validator);
    },
  };
}
