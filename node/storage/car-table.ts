import { type Hex, toHex } from "../base/bytes.ts";
import { HASH_BYTES } from "../codec/hash.ts";
import { hashBytes } from "../codec/parse.ts";
import type { CarHead } from "../ports.ts";
import { type Place, placeRows } from "./places.ts";

/** Where the cars of the log stand, and which block commits each. About 100 bytes a car: a map of objects would cost five times that. */
export type CarTable = {
  place(digest: Hex): Place | undefined;
  has(digest: Hex): boolean;
  /** A car that comes again stands where it came last. */
  set(head: CarHead, place: Place): void;
  delete(digest: Hex): void;
  /** Notes that the block of this height commits the car, whether it is here yet or not. */
  commit(digest: Hex, height: number): void;
  /** Every car, in the order in which they came; `height` 0: no block commits it. */
  all(): Iterable<CarHead & { readonly place: Place; readonly height: number }>;
  /** The cars that stand in one segment. */
  inSegment(sequence: number): readonly (CarHead & { readonly place: Place; readonly height: number })[];
  /** Forgets the cars of a segment, and of cars that never came those that blocks below this height commit. */
  dropSegment(sequence: number, belowHeight: number): void;
  count(): number;
};

const FIRST_ROWS = 1024;

type Columns = {
  readonly digests: Uint8Array;
  readonly validators: Uint32Array;
  readonly incarnations: BigUint64Array;
  readonly numbers: Float64Array;
  readonly heights: Float64Array;
  /** Open addressing by the digest's first four bytes, twice as many slots as rows; row + 1, 0: free. */
  readonly slots: Uint32Array;
};

const columns = (rows: number): Columns => ({
  digests: new Uint8Array(rows * HASH_BYTES),
  validators: new Uint32Array(rows),
  incarnations: new BigUint64Array(rows),
  numbers: new Float64Array(rows),
  heights: new Float64Array(rows),
  slots: new Uint32Array(2 * rows),
});

export function carTable(): CarTable {
  let table = columns(FIRST_ROWS);
  let places = placeRows();
  let rows = 0;
  /** Committed cars that are not here. */
  const awaited = new Map<Hex, number>();

  const digestAt = (row: number): Uint8Array => table.digests.subarray(row * HASH_BYTES, (row + 1) * HASH_BYTES);
  const equals = (row: number, digest: Uint8Array): boolean => {
    const at = row * HASH_BYTES;
    for (let index = 0; index < HASH_BYTES; index++) if (table.digests[at + index] !== digest[index]) return false;
    return true;
  };
  const firstSlot = (digest: Uint8Array): number =>
    new DataView(digest.buffer, digest.byteOffset).getUint32(0, true) % table.slots.length;
  /** The row of a digest, or -1 and the slot where it would go. */
  const find = (digest: Uint8Array): { row: number; slot: number } => {
    for (let slot = firstSlot(digest); ; slot = (slot + 1) % table.slots.length) {
      const row = (table.slots[slot] ?? 0) - 1;
      if (row === -1 || equals(row, digest)) return { row, slot };
    }
  };
  const add = (digest: Uint8Array, car: Omit<CarHead, "digest">, height: number): number => {
    if (rows === table.validators.length) rebuild(2 * rows, () => true);
    const row = rows;
    rows += 1;
    table.digests.set(digest, row * HASH_BYTES);
    table.validators[row] = car.validator;
    table.incarnations[row] = car.incarnation;
    table.numbers[row] = car.number;
    table.heights[row] = height;
    table.slots[find(digest).slot] = row + 1;
    return row;
  };
  const headAt = (row: number): CarHead => ({
    digest: toHex(digestAt(row)),
    validator: table.validators[row] ?? 0,
    incarnation: table.incarnations[row] ?? 0n,
    number: table.numbers[row] ?? 0,
  });
  /** Rows that were deleted have no place; they go here, with those that are not kept. */
  const rebuild = (size: number, keeps: (place: Place) => boolean): void => {
    const before = { table, places, rows };
    table = columns(Math.max(FIRST_ROWS, size));
    places = placeRows();
    rows = 0;
    for (let row = 0; row < before.rows; row++) {
      const place = before.places.get(row);
      if (place === undefined || !keeps(place)) continue;
      const digest = before.table.digests.subarray(row * HASH_BYTES, (row + 1) * HASH_BYTES);
      const facts = {
        validator: before.table.validators[row] ?? 0,
        incarnation: before.table.incarnations[row] ?? 0n,
        number: before.table.numbers[row] ?? 0,
      };
      places.set(add(digest, facts, before.table.heights[row] ?? 0), place);
    }
  };
  const placeOf = (digest: Hex): Place | undefined => {
    const { row } = find(hashBytes(digest));
    return row === -1 ? undefined : places.get(row);
  };
  function* all(): Generator<CarHead & { place: Place; height: number }> {
    for (let row = 0; row < rows; row++) {
      const place = places.get(row);
      if (place !== undefined) yield { ...headAt(row), place, height: table.heights[row] ?? 0 };
    }
  }
  return {
    all,
    count: () => rows,
    place: placeOf,
    has: (digest) => placeOf(digest) !== undefined,
    set: (head, place) => {
      const digest = hashBytes(head.digest);
      const known = find(digest).row;
      const row = known === -1 ? add(digest, head, awaited.get(head.digest) ?? 0) : known;
      awaited.delete(head.digest);
      places.set(row, place);
    },
    delete: (digest) => {
      const { row } = find(hashBytes(digest));
      if (row !== -1) places.clear(row);
    },
    commit: (digest, height) => {
      const { row } = find(hashBytes(digest));
      if (row === -1) awaited.set(digest, height);
      else table.heights[row] = height;
    },
    inSegment: (sequence) => {
      const found: (CarHead & { place: Place; height: number })[] = [];
      for (let row = 0; row < rows; row++) {
        const place = places.segment(row) === sequence ? places.get(row) : undefined;
        if (place !== undefined) found.push({ ...headAt(row), place, height: table.heights[row] ?? 0 });
      }
      return found;
    },
    dropSegment: (sequence, belowHeight) => {
      rebuild(rows, ({ segment }) => segment !== sequence);
      for (const [digest, height] of awaited) if (height < belowHeight) awaited.delete(digest);
    },
  };
}
