/** What is going to happen, soonest first; ties in order of insertion, so that a seed replays. A binary heap. */
export type Queue<T> = {
  add(atMs: number, item: T): void;
  next(): { readonly atMs: number; readonly item: T } | undefined;
};

export function createQueue<T>(): Queue<T> {
  type Slot = { atMs: number; order: number; item: T };
  const heap: Slot[] = [];
  let order = 0;
  const before = (a: Slot | undefined, b: Slot | undefined): boolean =>
    a !== undefined && b !== undefined && (a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order));
  const swap = (i: number, j: number): void => {
    const [a, b] = [heap[i], heap[j]];
    if (a === undefined || b === undefined) return;
    heap[i] = b;
    heap[j] = a;
  };
  return {
    add: (atMs, item) => {
      heap.push({ atMs, order: order++, item });
      for (let i = heap.length - 1; i > 0; ) {
        const parent = (i - 1) >> 1;
        if (!before(heap[i], heap[parent])) break;
        swap(i, parent);
        i = parent;
      }
    },
    next: () => {
      const first = heap[0];
      const last = heap.pop();
      if (first === undefined || last === undefined) return undefined;
      if (heap.length > 0) {
        heap[0] = last;
        for (let i = 0; ; ) {
          let least = i;
          for (const child of [2 * i + 1, 2 * i + 2]) if (before(heap[child], heap[least])) least = child;
          if (least === i) break;
          swap(i, least);
          i = least;
        }
      }
      return { atMs: first.atMs, item: first.item };
    },
  };
}
