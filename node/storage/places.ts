/** Where a record's body stands in the log, and what it must add up to. */
export type Place = {
  /** Sequence of the segment. */
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
  readonly crc: number;
};

const FIELDS = 4;
const FIRST_ROWS = 1024;

/** Rows of places, 16 bytes each: an object for each would cost ten times that. */
export type PlaceRows = {
  /** Grows to hold the row. */
  set(row: number, place: Place): void;
  get(row: number): Place | undefined;
  clear(row: number): void;
  /** Segment of a row; 0: the row is empty. */
  segment(row: number): number;
  /** Drops the first rows; the others move down. */
  shift(rows: number): void;
  /** Makes room for empty rows before the first. */
  unshift(rows: number): void;
};

export function placeRows(): PlaceRows {
  let values = new Uint32Array(FIRST_ROWS * FIELDS);
  const moved = (from: number, to: number, rows: number): Uint32Array<ArrayBuffer> => {
    const larger = new Uint32Array(rows * FIELDS);
    larger.set(values.subarray(from * FIELDS, from * FIELDS + (rows - to) * FIELDS), to * FIELDS);
    return larger;
  };
  const rowsMax = (): number => values.length / FIELDS;
  const segment = (row: number): number => values[row * FIELDS] ?? 0;
  return {
    segment,
    set: (row, { segment: sequence, offset, length, crc }) => {
      if (row >= rowsMax()) values = moved(0, 0, Math.max(2 * rowsMax(), row + 1));
      values.set([sequence, offset, length, crc], row * FIELDS);
    },
    get: (row) => {
      const at = row * FIELDS;
      if (row < 0 || segment(row) === 0) return undefined;
      return {
        segment: values[at] ?? 0,
        offset: values[at + 1] ?? 0,
        length: values[at + 2] ?? 0,
        crc: values[at + 3] ?? 0,
      };
    },
    clear: (row) => {
      if (row >= 0 && row < rowsMax()) values.fill(0, row * FIELDS, (row + 1) * FIELDS);
    },
    shift: (rows) => {
      values = moved(Math.min(rows, rowsMax()), 0, Math.max(FIRST_ROWS, rowsMax() - rows));
    },
    unshift: (rows) => {
      values = moved(0, rows, rowsMax() + rows);
    },
  };
}
