import { LABELS } from "../api/group.ts";
import type { Change } from "../runtime/cache.ts";
import type { Client } from "../runtime/client.ts";
import { type ListWatch, startListWatch } from "../runtime/list-watch.ts";
import type { Logger } from "../runtime/log.ts";
import type { Metrics } from "../runtime/metrics.ts";
import { type Item, itemKey, keyOf } from "../runtime/resource.ts";
import type { Verbs } from "../runtime/verbs.ts";
import { type KindName, kindNames, resources } from "./resources.ts";
import { trim } from "./trim.ts";

/** The caches of all kinds, over all watched namespaces. */
export type Caches = {
  readonly get: (kind: KindName, key: string) => Item | undefined;
  /** All objects of a kind that belong to this HmnCluster, by name. */
  readonly ofCluster: (kind: KindName, clusterKey: string) => readonly Item[];
  /** Both lists are the very same ones until one of their objects changes, where one watch alone has such objects. */
  readonly items: (kind: KindName) => readonly Item[];
  /** Up to which version the watch that shows this namespace has come. */
  readonly version: (kind: KindName, namespace: string) => string;
  readonly relist: (kind: KindName) => void;
  readonly synced: Promise<void>;
  readonly isSynced: () => boolean;
  /** Sets the gauges that describe the caches; called before they are read. */
  readonly measure: () => void;
  readonly stop: () => Promise<void>;
};

export type CachesOptions = {
  readonly client: Client;
  readonly verbs: Verbs;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Empty: all. */
  readonly namespaces: readonly string[];
  readonly onChange: (kind: KindName, change: Change, clusterKey: string | undefined) => void;
};

/** Key of the HmnCluster that an object belongs to, if it belongs to one. */
export function clusterKeyOf(kind: KindName, item: Item): string | undefined {
  if (kind === "HmnCluster") return itemKey(item);
  if (!resources[kind].namespaced) return undefined;
  // Our own kinds name their cluster; pods of its backups and observers carry its name with a suffix, so that nothing takes them for nodes.
  const named = resources[kind].apiVersion === resources.HmnCluster.apiVersion;
  const cluster = named ? clusterInSpec(item) : item.metadata.labels?.[LABELS.cluster]?.replace(/[.].*$/, "");
  return cluster === undefined ? undefined : keyOf(item.metadata.namespace, cluster);
}

function clusterInSpec(item: Item): string | undefined {
  if (!("spec" in item) || typeof item.spec !== "object" || item.spec === null || !("cluster" in item.spec)) return;
  return typeof item.spec.cluster === "string" ? item.spec.cluster : undefined;
}

/** A list that is alone in having items is handed out itself. */
function joined(lists: readonly (readonly Item[])[]): readonly Item[] {
  const full = lists.filter(({ length }) => length > 0);
  return full.length > 1 ? full.flat() : (full[0] ?? lists[0] ?? []);
}

export function watchAll(options: CachesOptions): Caches {
  const { namespaces, onChange, metrics } = options;
  const watches = new Map<KindName, readonly ListWatch[]>();
  for (const kind of kindNames) {
    const resource = resources[kind];
    const scopes = resource.namespaced && namespaces.length > 0 ? namespaces : [undefined];
    const ours = resource.apiVersion === resources.HmnCluster.apiVersion || !resource.namespaced;
    const start = (namespace: string | undefined) =>
      startListWatch({
        ...options,
        resource,
        namespace,
        ...(ours ? {} : { labelSelector: LABELS.cluster }),
        trim: (item) => trim(kind, item),
        index: (item) => {
          const key = clusterKeyOf(kind, item);
          return key === undefined ? [] : [key];
        },
        onChange: (change) => onChange(kind, change, clusterKeyOf(kind, change.item)),
      });
    watches.set(kind, scopes.map(start));
  }
  const of = (kind: KindName): readonly ListWatch[] => watches.get(kind) ?? [];
  const all = [...watches.values()].flat();
  return {
    get: (kind, key) => {
      for (const { cache } of of(kind)) {
        const item = cache.get(key);
        if (item !== undefined) return item;
      }
      return undefined;
    },
    ofCluster: (kind, clusterKey) => joined(of(kind).map(({ cache }) => cache.indexed(clusterKey))),
    items: (kind) => joined(of(kind).map(({ cache }) => cache.items())),
    version: (kind, namespace) => {
      const at = namespaces.length === 0 ? 0 : namespaces.indexOf(namespace);
      return of(kind)[at]?.cache.version() ?? "";
    },
    relist: (kind) => {
      for (const watch of of(kind)) watch.relist();
    },
    synced: Promise.all(all.map(({ synced }) => synced)).then(() => undefined),
    isSynced: () => all.every((watch) => watch.isSynced()),
    measure: () => {
      for (const [kind, list] of watches) {
        metrics.cached.set(
          { kind },
          list.reduce((sum, { cache }) => sum + cache.size(), 0),
        );
        metrics.watchHeard.set({ kind }, Math.max(...list.map((watch) => watch.silentMs())) / 1000);
      }
    },
    stop: async () => {
      await Promise.all(all.map((watch) => watch.stop()));
    },
  };
}
