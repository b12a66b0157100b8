import { type Item, itemKey } from "./resource.ts";

export type Change = { readonly type: "set" | "removed"; readonly item: Item };

/** What the watch of one kind has shown so far. */
export type Cache = {
  readonly get: (key: string) => Item | undefined;
  /** The items of one index key, by name: the very same list until one of them changes. */
  readonly indexed: (indexKey: string) => readonly Item[];
  /** The very same list until an item changes. */
  readonly items: () => readonly Item[];
  readonly size: () => number;
  /** Everything up to this version has been seen; empty before the first list. */
  readonly version: () => string;
};

export type MutableCache = Cache & {
  readonly set: (item: Item) => Change;
  readonly remove: (item: Item) => Change;
  /** The whole content at once; gives the differences to what was there. */
  readonly replace: (items: readonly Item[], version: string) => readonly Change[];
  readonly advance: (version: string) => void;
};

export type CacheOptions = {
  /** Index keys of an item, e.g. of the cluster that it belongs to. */
  readonly index?: (item: Item) => readonly string[];
  /** Drops what nobody reads before it is kept. */
  readonly trim?: (item: Item) => Item;
};

export function createCache({ index = () => [], trim = (item) => item }: CacheOptions = {}): MutableCache {
  const byKey = new Map<string, Item>();
  const byIndex = new Map<string, Map<string, Item>>();
  /** Lists that have been asked for since their items changed. */
  const lists = new Map<string, readonly Item[]>();
  let all: readonly Item[] | undefined;
  let seen = "";
  const unindex = (key: string, item: Item) => {
    for (const indexKey of index(item)) {
      lists.delete(indexKey);
      const group = byIndex.get(indexKey);
      group?.delete(key);
      if (group?.size === 0) byIndex.delete(indexKey);
    }
  };
  const set = (whole: Item): Change => {
    const item = trim(whole);
    const key = itemKey(item);
    const before = byKey.get(key);
    if (before !== undefined) unindex(key, before);
    byKey.set(key, item);
    all = undefined;
    for (const indexKey of index(item)) {
      lists.delete(indexKey);
      const group = byIndex.get(indexKey) ?? new Map<string, Item>();
      group.set(key, item);
      byIndex.set(indexKey, group);
    }
    return { type: "set", item };
  };
  const remove = (item: Item): Change => {
    const key = itemKey(item);
    const before = byKey.get(key);
    if (before !== undefined) unindex(key, before);
    byKey.delete(key);
    all = undefined;
    return { type: "removed", item: before ?? item };
  };
  return {
    get: (key) => byKey.get(key),
    indexed: (indexKey) => {
      const group = byIndex.get(indexKey);
      if (group === undefined) return NONE;
      const list = lists.get(indexKey) ?? [...group].toSorted(byName).map(([, item]) => item);
      lists.set(indexKey, list);
      return list;
    },
    items: () => {
      all ??= [...byKey.values()];
      return all;
    },
    size: () => byKey.size,
    version: () => seen,
    set,
    remove,
    replace: (items, version) => {
      const changes: Change[] = [];
      const kept = new Set(items.map(itemKey));
      for (const [key, item] of [...byKey]) if (!kept.has(key)) changes.push(remove(item));
      for (const item of items) {
        const before = byKey.get(itemKey(item));
        const same =
          before?.metadata.resourceVersion === item.metadata.resourceVersion &&
          before.metadata.uid === item.metadata.uid;
        if (!same) changes.push(set(item));
      }
      seen = version;
      return changes;
    },
    advance: (version) => {
      seen = version;
    },
  };
}

const NONE: readonly Item[] = [];
const byName = ([a]: readonly [string, Item], [b]: readonly [string, Item]): number => (a < b ? -1 : a > b ? 1 : 0);

/** Whether `have` is at least as new as `wanted`. Versions of one kind are ordered numbers (KEP-5504). */
export function atLeast(have: string, wanted: string): boolean {
  if (have === wanted) return true;
  if (!/^[0-9]+$/.test(have) || !/^[0-9]+$/.test(wanted)) return false;
  return BigInt(have) >= BigInt(wanted);
}
