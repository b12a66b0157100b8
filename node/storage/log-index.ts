import { unreachable } from "../base/assert.ts";
import { type CarTable, carTable } from "./car-table.ts";
import type { EntryKey } from "./entry-key.ts";
import { type HeightTable, heightTable } from "./height-table.ts";
import type { Place } from "./places.ts";

/** Where every durable entry of the log stands. */
export type LogIndex = {
  readonly blocks: HeightTable;
  readonly notes: HeightTable;
  readonly cars: CarTable;
  /** Highest block or note in each segment, by its sequence. */
  readonly highest: Map<number, number>;
};

export const logIndex = (): LogIndex => ({
  blocks: heightTable(),
  notes: heightTable(),
  cars: carTable(),
  highest: new Map(),
});

/** A newer entry of the same height or digest replaces the older one. */
export function indexEntry({ blocks, notes, cars, highest }: LogIndex, key: EntryKey, place: Place): void {
  const rise = (height: number): void => {
    highest.set(place.segment, Math.max(height, highest.get(place.segment) ?? 0));
  };
  switch (key.kind) {
    case "block":
      blocks.set(key.height, place);
      for (const digest of key.cars) cars.commit(digest, key.height);
      rise(key.height);
      return;
    case "note":
      notes.set(key.height, place);
      rise(key.height);
      return;
    case "car":
      cars.set(key, place);
      return;
    default:
      unreachable(key);
  }
}

/** Where the entry stands; undefined: it is not held. */
export function placeOf({ blocks, notes, cars }: LogIndex, key: EntryKey): Place | undefined {
  switch (key.kind) {
    case "block":
      return blocks.get(key.height);
    case "note":
      return notes.get(key.height);
    case "car":
      return cars.place(key.digest);
    default:
      return unreachable(key);
  }
}

/** The entry is not what was written any more: it counts as not held. */
export function forgetEntry({ blocks, notes, cars }: LogIndex, key: EntryKey): void {
  switch (key.kind) {
    case "block":
      blocks.delete(key.height);
      return;
    case "note":
      notes.delete(key.height);
      return;
    case "car":
      cars.delete(key.digest);
      return;
    default:
      unreachable(key);
  }
}

/** The segment goes: what stands in it is held no more. */
export function forgetSegment({ blocks, notes, cars, highest }: LogIndex, sequence: number, belowHeight: number): void {
  blocks.dropSegment(sequence);
  notes.dropSegment(sequence);
  cars.dropSegment(sequence, belowHeight);
  highest.delete(sequence);
}

/** Whether the entry is held, so that writing it again would add nothing. */
export function isHeld({ blocks, notes, cars }: LogIndex, key: EntryKey): boolean {
  switch (key.kind) {
    case "block":
      return blocks.has(key.height);
    case "note":
      return notes.has(key.height);
    case "car":
      return cars.has(key.digest);
    default:
      return unreachable(key);
  }
}
