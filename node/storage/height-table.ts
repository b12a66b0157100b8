import { type Place, placeRows } from "./places.ts";

/** Where the records of heights stand; heights may be missing. */
export type HeightTable = {
  get(height: number): Place | undefined;
  has(height: number): boolean;
  /** The newest place of a height wins. */
  set(height: number, place: Place): void;
  delete(height: number): void;
  /** Highest height that was ever set; 0: none. */
  highest(): number;
  /** Forgets every height that stands in these segments. */
  dropSegment(sequence: number): void;
};

export function heightTable(): HeightTable {
  const rows = placeRows();
  /** Height of row 0; -1: empty. */
  let base = -1;
  let highest = 0;
  const has = (height: number): boolean => base !== -1 && height >= base && rows.segment(height - base) !== 0;
  const trim = (): void => {
    let empty = 0;
    while (base + empty <= highest && rows.segment(empty) === 0) empty += 1;
    if (empty === 0) return;
    rows.shift(empty);
    base += empty;
  };
  return {
    has,
    get: (height) => (has(height) ? rows.get(height - base) : undefined),
    set: (height, place) => {
      if (base === -1 || highest < base) base = height;
      if (height < base) {
        rows.unshift(base - height);
        base = height;
      }
      rows.set(height - base, place);
      highest = Math.max(highest, height);
    },
    delete: (height) => {
      if (has(height)) rows.clear(height - base);
    },
    highest: () => highest,
    dropSegment: (sequence) => {
      for (let height = base; base !== -1 && height <= highest; height++) {
        if (rows.segment(height - base) === sequence) rows.clear(height - base);
      }
      trim();
    },
  };
}
