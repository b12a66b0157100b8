import type { ClusterStatus } from "../../operator/api/cluster.ts";
import type { RolloutStatus } from "../../operator/api/rollout.ts";
import { ANNOTATIONS } from "../../operator/desired/names.ts";
import { kindNames, resources } from "../../operator/observe/resources.ts";
import type { Item } from "../../operator/runtime/resource.ts";
import type { Verbs } from "../../operator/runtime/verbs.ts";

export type State = Readonly<Record<string, unknown>>;

const OBJECTS_MAX = 500;
/** Versions and addresses of the API server, and who changed what when: different in every run. */
const DROPPED = new Set<string>([
  ...["uid", "resourceVersion", "managedFields", "generation", "observedGeneration", "clusterIP", "clusterIPs"],
  // The scheduler's choice.
  ...["nodeName", "host", "zone", "topology.kubernetes.io/zone"],
  // Hashes of what is made by chance.
  ...Object.values(ANNOTATIONS),
]);
const REPLACED: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "TIME"],
  [/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "UID"],
  // Of played pods.
  [/127\.\d+\.\d+\.\d+/g, "ADDRESS"],
  [/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g, "CERTIFICATE"],
  // Of the genesis: when it was made, and the authority's key.
  [/"timeNs": "\d+"/g, '"timeNs": TIME'],
  [/(?!0{62})[0-9a-f]{64}/g, "KEY"],
  // A soak of one window: whether that is judged or the whole soak hangs on when the operator came back.
  [/\d+ failed windows in a row|over the whole soak of phase \d+/g, "JUDGED"],
];

/** All of a namespace that an operator deals with, without what is different in every run: two runs can be compared. */
export async function endState(verbs: Verbs, namespace: string): Promise<State> {
  const state: Record<string, unknown> = {};
  for (const kind of kindNames) {
    const resource = resources[kind];
    if (!resource.namespaced) continue;
    const { items } = await verbs.list(resource, { namespace, limit: OBJECTS_MAX });
    for (const item of items.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)))
      if (!isHistoryOfPods(kind, item)) state[`${kind}/${item.metadata.name}`] = normalised(kind, item, namespace);
  }
  return state;
}

function normalised(kind: string, item: Item, namespace: string): unknown {
  const plain = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(plain);
    if (typeof value === "object" && value !== null)
      return Object.fromEntries(
        Object.entries(value)
          .filter(([name]) => !DROPPED.has(name))
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, inner]) => [name, plain(inner)] as const)
          // What held dropped ones alone is as good as none.
          .filter(([name, inner]) => name !== "annotations" || Object.keys(inner as object).length > 0),
      );
    return typeof value === "string" ? plainText(value.replaceAll(namespace, "NAMESPACE")) : value;
  };
  // Keys and certificates are made by chance, too; that each is there is what counts.
  const { data, ...rest } = item as Item & { readonly data?: object };
  if (kind === "Secret") return plain({ ...rest, data: Object.keys(data ?? {}) });
  if (kind === "HmnCluster") return plain(withoutLastMinute(item));
  return plain(kind === "HmnRollout" ? withoutClock(item) : item);
}

/** Kept by the StatefulSet's controller: which of equal validators was the first to be moved is no part of an end. */
const isHistoryOfPods = (kind: string, { metadata: { ownerReferences = [] } }: Item): boolean =>
  kind === "ControllerRevision" && ownerReferences.some((owner) => owner.kind === "StatefulSet");

/**
 * When a window ended is a matter of milliseconds, on which hangs in which state of a phase it failed; the cause and the result
 * are not. From which height on an observer was seen to follow, and whether an operator that has just begun has read it, is such, too.
 */
const BY_THE_CLOCK: ReadonlySet<string> = new Set(["Paused", "Resumed", "Soaking", "ObserverFollows", "ObserverLost"]);

function withoutClock(item: Item & { readonly status?: Partial<RolloutStatus> }): unknown {
  const { windows: _, moved, incident, ...status } = item.status ?? {};
  const timeline = status.timeline
    ?.filter(({ event }) => !BY_THE_CLOCK.has(event))
    .map((entry) => (entry.event === "PhasePassed" ? { ...entry, message: "" } : entry));
  const found = incident && { ...incident, validators: incident.validators.length };
  return { ...item, status: { ...status, timeline, moved: moved?.length, incident: found } };
}

/** What was measured in the last minute says how busy this machine is, which plays the nodes. */
function withoutLastMinute(item: Item & { readonly status?: ClusterStatus }): unknown {
  const conditions = item.status?.conditions?.filter(({ type }) => type !== "ServiceLevelsMet");
  return { ...item, status: { ...item.status, conditions } };
}

const plainText = (text: string): string => REPLACED.reduce((all, [pattern, by]) => all.replaceAll(pattern, by), text);

/** Every path at which two states differ, with both values. */
export function differences(before: unknown, after: unknown, path = ""): readonly string[] {
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
    return names.flatMap((name) => differences(before[name], after[name], path === "" ? name : `${path}.${name}`));
  }
  const [left, right] = [JSON.stringify(before), JSON.stringify(after)];
  return left === right ? [] : [`${path}: ${left?.slice(0, TEXT_MAX)} became ${right?.slice(0, TEXT_MAX)}`];
}
const TEXT_MAX = 200;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;
