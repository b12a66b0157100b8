import type { V1ManagedFieldsEntry, V1ObjectMeta } from "@kubernetes/client-node";
import { type Millis, seconds } from "../../node/base/units.ts";
import { FIELD_MANAGER } from "../api/group.ts";
import { REPAIRS_MAX, type Repair } from "../api/repairs.ts";
import { shortHash } from "../desired/hash.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import { timeOf, timeText } from "../rollout/time.ts";
import type { KubeObject } from "./actions.ts";
import type { Obstacle } from "./plan.ts";

/** Repairs within this time count as one fight. */
const FIGHT = seconds(600);
/** Objects that are remembered; the oldest fights are forgotten first. */
const OBJECTS_MAX = 16;

type Actual = { readonly metadata?: V1ObjectMeta | undefined };
export type Differing = { readonly actual: Actual | undefined; readonly wanted: KubeObject };

/**
 * Who puts back what others change must not do so for ever against somebody who does the same: after three repairs of one
 * object in ten minutes it is left as it is until the first of them is that old. A new wish of ours is no repair, and is written.
 */
export function contest(
  { cluster, now }: Snapshot,
  differing: readonly Differing[],
): { readonly repairs: readonly Repair[]; readonly write: readonly KubeObject[]; readonly obstacle?: Obstacle } {
  const known = new Map(
    (cluster.status.repairs ?? []).map((repair) => [repair.object, { ...repair, times: recent(repair.times, now) }]),
  );
  const write: KubeObject[] = [];
  for (const { actual, wanted } of differing) {
    const manager = otherWriter(actual?.metadata);
    const object = nameOf(wanted);
    const before = known.get(object);
    const wish = shortHash({ ...wanted, metadata: { ...wanted.metadata, resourceVersion: undefined } });
    const resourceVersion = actual?.metadata?.resourceVersion ?? "";
    const again = before !== undefined && before.wanted === wish;
    if (manager !== undefined && !(again && before.resourceVersion === resourceVersion)) {
      const times = again ? before.times : [];
      if (times.length >= REPAIRS_MAX) continue;
      known.delete(object);
      known.set(object, { object, manager, times: [...times, timeText(now)], resourceVersion, wanted: wish });
    }
    write.push(wanted);
  }
  const repairs = [...known.values()].filter(({ times }) => times.length > 0).slice(-OBJECTS_MAX);
  const fight = repairs.find(({ times }) => times.length >= REPAIRS_MAX);
  return fight === undefined
    ? { repairs, write }
    : { repairs, write, obstacle: contested(fight, cluster.metadata.namespace) };
}

const nameOf = ({ kind, metadata }: KubeObject): string => `${kind}/${metadata.name}`;

const recent = (times: readonly string[], now: Millis): string[] =>
  times.filter((time) => now - (timeOf(time) ?? 0) < FIGHT);

/** Whoever wrote it since we last did. Times of managed fields have whole seconds. */
function otherWriter(metadata: V1ObjectMeta | undefined): string | undefined {
  const entries = (metadata?.managedFields ?? []).filter(({ subresource }) => (subresource ?? "") === "");
  const at = ({ time }: V1ManagedFieldsEntry): number => timeOf(time) ?? 0;
  const ours = Math.max(0, ...entries.filter(({ manager }) => manager === FIELD_MANAGER).map(at));
  const [last] = entries
    .filter((entry) => entry.manager !== FIELD_MANAGER && at(entry) >= ours)
    .toSorted((a, b) => at(b) - at(a));
  return last === undefined ? undefined : (last.manager ?? "").slice(0, 128);
}

function contested({ object, manager, times }: Repair, namespace: string): Obstacle {
  const [kind, name] = object.split("/");
  const until = timeText(((timeOf(times[0]) ?? 0) + FIGHT) as Millis);
  return {
    reason: "Contested",
    message: `${kind} ${name} was put back ${times.length} times in ten minutes, and ${manager} changes it each time. Stop that field manager; the operator leaves the object as it is until ${until}`,
    command: `kubectl get ${kind?.toLowerCase()} ${name} -n ${namespace} -o yaml --show-managed-fields`,
  };
}
