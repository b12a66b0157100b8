/** A growing set of tuples of small numbers, numbered in the order in which they came: the queue of the search is the set itself. */
export type Tuples = {
  /** Adds the tuple and remembers from which one it was reached; true if it is new. */
  add(tuple: Uint32Array, from: number): boolean;
  read(index: number, into: Uint32Array): void;
  /** The tuple from which this one was first reached; the first comes from itself. */
  cameFrom(index: number): number;
  size(): number;
  bytes(): number;
};

const FIRST_ROOM = 1 << 12;

/** Flat arrays and open addressing: 4 bytes a number, 4 for the way back, 8 for the index at half load. */
export function createTuples(width: number): Tuples {
  let cells = new Uint32Array(FIRST_ROOM * width);
  let origins = new Uint32Array(FIRST_ROOM);
  let slots = new Uint32Array(2 * FIRST_ROOM);
  let size = 0;

  const hashOf = (from: Uint32Array, at: number): number => {
    let hash = 0x811c9dc5;
    for (let i = 0; i < width; i++) {
      hash = Math.imul(hash ^ (from[at + i] ?? 0), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return hash >>> 0;
  };
  const grow = (): void => {
    const larger = new Uint32Array(cells.length * 2);
    larger.set(cells);
    cells = larger;
    const moreOrigins = new Uint32Array(origins.length * 2);
    moreOrigins.set(origins);
    origins = moreOrigins;
    slots = new Uint32Array(slots.length * 2);
    const mask = slots.length - 1;
    for (let index = 0; index < size; index++) {
      let slot = hashOf(cells, index * width) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = index + 1;
    }
  };
  const equal = (tuple: Uint32Array, index: number): boolean => {
    const at = index * width;
    for (let i = 0; i < width; i++) if (cells[at + i] !== tuple[i]) return false;
    return true;
  };
  return {
    add: (tuple, from) => {
      const mask = slots.length - 1;
      let slot = hashOf(tuple, 0) & mask;
      for (let found = slots[slot] ?? 0; found !== 0; found = slots[slot] ?? 0) {
        if (equal(tuple, found - 1)) return false;
        slot = (slot + 1) & mask;
      }
      slots[slot] = size + 1;
      cells.set(tuple, size * width);
      origins[size] = from;
      size += 1;
      if (size * 2 >= slots.length) grow();
      return true;
    },
    read: (index, into) => {
      for (let i = 0; i < width; i++) into[i] = cells[index * width + i] ?? 0;
    },
    cameFrom: (index) => origins[index] ?? 0,
    size: () => size,
    bytes: () => cells.byteLength + origins.byteLength + slots.byteLength,
  };
}
