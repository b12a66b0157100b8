import { indexedGroup } from "./segment-index.ts";

/**
 * What the index of a segment is made of, kept while the segment is filled: reading it back would take a look at the disk for
 * every group. Only of segments that this process began, and only until it is asked for.
 */
export type KeptHeads = {
  /** A new segment; every group of it will be added. */
  begin(sequence: number): void;
  /** `head`: header and heads of the next group of a segment, which are copied. */
  add(sequence: number, group: { readonly position: number; readonly head: Uint8Array }): void;
  /** All groups of a segment as they go into its index, once; undefined: they are not all here. */
  take(sequence: number): readonly Uint8Array[] | undefined;
  /** Some of what was added may never have been written. */
  forget(): void;
};

/** Of all segments together: a busy log has some hundred kilobytes, and one of tiny records is read back instead. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024;

export function keptHeads(): KeptHeads {
  const kept = new Map<number, Uint8Array[]>();
  let keptBytes = 0;
  const take = (sequence: number): readonly Uint8Array[] | undefined => {
    const groups = kept.get(sequence);
    kept.delete(sequence);
    for (const { length } of groups ?? []) keptBytes -= length;
    return groups;
  };
  return {
    begin: (sequence) => void kept.set(sequence, []),
    add: (sequence, group) => {
      const groups = kept.get(sequence);
      if (groups === undefined) return;
      const bytes = indexedGroup(group);
      groups.push(bytes);
      keptBytes += bytes.length;
      const [oldest] = kept.keys();
      if (keptBytes > KEPT_BYTES_MAX && oldest !== undefined) take(oldest);
    },
    take,
    forget: () => {
      kept.clear();
      keptBytes = 0;
    },
  };
}
