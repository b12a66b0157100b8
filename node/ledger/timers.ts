/** Keys by due time, earliest first; equal times in the order of `compare`, so that every node fires alike. A binary heap. */
export type Timers<Key> = {
  set(at: bigint, key: Key): void;
  /** Takes the earliest key due at or before `now`, or undefined. */
  due(now: bigint): { readonly at: bigint; readonly key: Key } | undefined;
};

export function timers<Key>(compare: (a: Key, b: Key) => number): Timers<Key> {
  type Entry = { readonly at: bigint; readonly key: Key };
  const heap: Entry[] = [];
  const before = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && compare(a.key, b.key) < 0);
  const siftUp = (entry: Entry): void => {
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !before(entry, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  };
  const siftDown = (entry: Entry): void => {
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let below = heap[child];
      if (below === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && before(right, below)) {
        child += 1;
        below = right;
      }
      if (!before(below, entry)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = entry;
  };
  return {
    set: (at, key) => siftUp({ at, key }),
    due: (now) => {
      const first = heap[0];
      if (first === undefined || first.at > now) return undefined;
      const last = heap.pop();
      if (last !== undefined && heap.length > 0) siftDown(last);
      return first;
    },
  };
}

export const compareBigints = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
