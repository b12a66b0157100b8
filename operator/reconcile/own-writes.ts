import type { Caches } from "../observe/caches.ts";
import type { KindName } from "../observe/resources.ts";
import { atLeast } from "../runtime/cache.ts";

/** A write of ours that the caches have yet to show. */
export type Write =
  | { readonly kind: KindName; readonly namespace: string; readonly key: string; readonly version: string }
  /** The object with this UID is on its way out. */
  | { readonly kind: KindName; readonly namespace: string; readonly key: string; readonly removedUid: string };

const PATIENCE_MS = 10_000;

/** Whether a cluster may be looked at again: deciding on a view older than our own last writes would do them twice. */
export type OwnWrites = {
  readonly expect: (clusterKey: string, write: Write) => void;
  readonly settled: (clusterKey: string) => boolean;
  readonly forget: (clusterKey: string) => void;
};

export function createOwnWrites(
  caches: Pick<Caches, "get" | "version" | "relist">,
  onMissing: (clusterKey: string, kinds: readonly KindName[]) => void,
  now: () => number = Date.now,
): OwnWrites {
  const expected = new Map<string, { readonly writes: Write[]; since: number }>();
  const shown = (write: Write): boolean => {
    const item = caches.get(write.kind, write.key);
    if ("removedUid" in write) {
      return item?.metadata.uid !== write.removedUid || item.metadata.deletionTimestamp !== undefined;
    }
    return (
      (item !== undefined && atLeast(item.metadata.resourceVersion, write.version)) ||
      atLeast(caches.version(write.kind, write.namespace), write.version)
    );
  };
  return {
    expect: (clusterKey, write) => {
      const known = expected.get(clusterKey) ?? { writes: [], since: now() };
      known.writes.push(write);
      known.since = now();
      expected.set(clusterKey, known);
    },
    settled: (clusterKey) => {
      const known = expected.get(clusterKey);
      if (known === undefined) return true;
      const missing = known.writes.filter((write) => !shown(write));
      if (missing.length === 0) {
        expected.delete(clusterKey);
        return true;
      }
      if (now() - known.since < PATIENCE_MS) return false;
      // A watch that has not shown it by now has lost it; a fresh list cannot be older than the write.
      const kinds = [...new Set(missing.map(({ kind }) => kind))];
      for (const kind of kinds) caches.relist(kind);
      onMissing(clusterKey, kinds);
      known.since = now();
      return false;
    },
    forget: (clusterKey) => {
      expected.delete(clusterKey);
    },
  };
}
