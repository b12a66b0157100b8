/** Which block made which entries of the journal: positions count from 1 through the whole chain. */
export type JournalPositions = {
  /** A height that is known already is ignored. */
  add(block: BlockEntries): void;
  /** The block that made the entry of this position; undefined: it is not known here. */
  find(position: number): BlockEntries | undefined;
  /** The first block that made entries at or after this position. */
  from(position: number): BlockEntries | undefined;
  /** Position of the newest entry that is known; 0: none. */
  newest(): number;
  /** The first position from which on every entry up to the newest is of a known block; 1 where none is known. */
  heldFrom(): number;
  /** Forgets blocks below this height. */
  dropBelow(height: number): void;
  /** Forgets blocks above this height. */
  dropAbove(height: number): void;
};

export type BlockEntries = {
  readonly height: number;
  /** Position of its first entry. */
  readonly first: number;
  readonly entries: number;
};

export function journalPositions(): JournalPositions {
  // Columns, in order of height and so of position: an object for each block would cost four times that.
  let heights: number[] = [];
  let firsts: number[] = [];
  let counts: number[] = [];
  /** Row from which on the known blocks have no gap; undefined: to be found. */
  let unbroken: number | undefined;
  const endOf = (row: number): number => (firsts[row] ?? 0) + (counts[row] ?? 0);
  const findUnbroken = (): number => {
    let row = Math.max(0, heights.length - 1);
    while (row > 0 && endOf(row - 1) === firsts[row]) row -= 1;
    return row;
  };
  /** How many of these are at most this. */
  const upTo = (column: readonly number[], value: number): number => {
    let low = 0;
    let high = column.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((column[middle] ?? 0) <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const at = (row: number): BlockEntries | undefined => {
    const [height, first, entries] = [heights[row], firsts[row], counts[row]];
    return height === undefined || first === undefined || entries === undefined
      ? undefined
      : { height, first, entries };
  };
  return {
    add: ({ height, first, entries }) => {
      if (entries === 0) return;
      const row = upTo(heights, height);
      if (heights[row - 1] === height) return;
      if (row < heights.length || (row > 0 && endOf(row - 1) !== first)) unbroken = undefined;
      heights.splice(row, 0, height);
      firsts.splice(row, 0, first);
      counts.splice(row, 0, entries);
    },
    find: (position) => {
      const block = at(upTo(firsts, position) - 1);
      return block !== undefined && position < block.first + block.entries ? block : undefined;
    },
    from: (position) => {
      const row = upTo(firsts, position) - 1;
      const block = at(row);
      return block !== undefined && position < block.first + block.entries ? block : at(row + 1);
    },
    newest: () => {
      const last = at(heights.length - 1);
      return last === undefined ? 0 : last.first + last.entries - 1;
    },
    heldFrom: () => {
      unbroken ??= findUnbroken();
      return firsts[unbroken] ?? 1;
    },
    dropAbove: (height) => {
      const rows = upTo(heights, height);
      for (const column of [heights, firsts, counts]) column.length = rows;
      unbroken = undefined;
    },
    dropBelow: (height) => {
      const rows = upTo(heights, height - 1);
      unbroken = undefined;
      heights = heights.slice(rows);
      firsts = firsts.slice(rows);
      counts = counts.slice(rows);
    },
  };
}
