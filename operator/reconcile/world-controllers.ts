import { podName } from "../desired/names.ts";
import { isNode } from "./world-jobs.ts";
import type { createStore, Thing } from "./world-store.ts";
import type { ModelVolumes } from "./world-volumes.ts";

/** Kubernetes' controllers and kubelets, as far as pods and StatefulSets go. */
export type ModelControllers = {
  /** A pod gets its deletionTimestamp. */
  stop(pod: Thing): void;
  /** The pod of a StatefulSet that is deleted stays. */
  orphan(set: string): void;
  tick(): void;
};

const STOP_SECONDS = 3;
/** The API server refuses every pod of a PriorityClass that is not there. */
export const ABSENT_CLASS = "absent";
type SetSpec = {
  readonly replicas: number;
  readonly template: { readonly metadata: { readonly labels: Record<string, string> }; readonly spec: object };
  readonly volumeClaimTemplates?: readonly { readonly spec: { readonly resources: object } }[];
};

export function createControllers(
  { find, objects, put, touch, remove }: ReturnType<typeof createStore>,
  volumes: () => ModelVolumes,
  now: () => number,
): ModelControllers {
  const orphans = new Set<string>();
  const isEnded = ({ metadata }: Thing): boolean =>
    metadata.deletionTimestamp !== undefined && Date.parse(metadata.deletionTimestamp) <= now();
  const stop = (pod: Thing): void => {
    pod.metadata.deletionTimestamp = new Date(now() + STOP_SECONDS * 1000).toISOString();
    touch(pod);
  };
  const make = (name: string, { template, volumeClaimTemplates }: SetSpec): void => {
    if ((template.spec as { priorityClassName?: string }).priorityClassName === ABSENT_CLASS) return;
    const pod = put({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, labels: template.metadata.labels },
      spec: structuredClone(template.spec),
      status: { phase: "Pending", conditions: [] },
    });
    const [claim] = volumeClaimTemplates ?? [];
    if (claim !== undefined) volumes().provide(pod, claim.spec.resources);
  };
  return {
    stop,
    orphan: (set) => orphans.add(podName(set)),
    tick: () => {
      // For a moment there is none: a StatefulSet's controller sees that its pod is gone, and only then makes another.
      const before = new Set(objects("Pod").map(({ metadata }) => metadata.name));
      for (const pod of objects("Pod").filter(isNode)) {
        const { name, deletionTimestamp } = pod.metadata;
        const set = find("StatefulSet", name.slice(0, -2));
        // A set that is made anew takes the pod of its name over.
        if (set !== undefined) orphans.delete(name);
        const wanted = set === undefined ? orphans.has(name) : (set.spec as SetSpec).replicas > 0;
        if (!wanted && deletionTimestamp === undefined) stop(pod);
        // On a host that is gone nobody is there who could end it.
        else if (isEnded(pod) && !volumes().isGone(pod)) remove("Pod", name);
      }
      for (const set of objects("StatefulSet")) {
        set.status = { observedGeneration: set.metadata.generation };
        const name = podName(set.metadata.name);
        const spec = set.spec as SetSpec;
        if (spec.replicas > 0 && !before.has(name)) make(name, spec);
      }
    },
  };
}
