import type { ClusterSpec } from "../api/cluster.ts";
import { GROUP } from "../api/group.ts";
import { isQualifiedName } from "../api/label-map.ts";
import { isTimeZone } from "../api/windows.ts";

/** What is wrong with a spec although the API server took it, since no rule of a CRD can say it; undefined if nothing is. */
export function specFault(spec: ClusterSpec): string | undefined {
  const maps: readonly (readonly [field: string, map: Readonly<Record<string, string>>])[] = [
    ["spec.placement.nodeSelector", spec.placement.nodeSelector],
    ["spec.pods.labels", spec.pods.labels],
    ["spec.pods.annotations", spec.pods.annotations],
    ["spec.services.client.labels", spec.services.client.labels],
    ["spec.services.client.annotations", spec.services.client.annotations],
  ];
  for (const [field, map] of maps) {
    const bad = Object.keys(map).find((key) => !isQualifiedName(key));
    if (bad !== undefined)
      return `${field} has the key "${bad.slice(0, 80)}", which is none for Kubernetes: use letters, digits, '-', '_' and '.', at most 63 of them, with at most one prefix such as example.com/`;
  }
  const zone = spec.rollout.windows.map(({ timeZone }) => timeZone).find((name) => !isTimeZone(name));
  return zone === undefined
    ? undefined
    : `spec.rollout.windows has the time zone ${zone}, which is none: use a name of the IANA database such as Europe/Berlin, or UTC`;
}

/** The entries that Kubernetes takes, and none that we find our objects by. `specFault` and the CRD's rules tell of the others. */
export const soundEntries = (map: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(map).filter(([key]) => isQualifiedName(key) && !key.startsWith(`${GROUP}/`)));
