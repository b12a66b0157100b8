/** What is known of pairs of small numbers: flat arrays and open addressing, as a `Map` takes four times the room. */
export type Pairs = {
  get(first: number, second: number): number | undefined;
  /** Notes a pair that was not noted before. */
  add(first: number, second: number, value: number): void;
};

const FIRST_ROOM = 1 << 12;
/** Second numbers are below this; both together are exact in a double. */
export const SECOND_MAX = 1 << 20;

export function createPairs(): Pairs {
  // A key is never 0: that is an empty slot.
  let keys = new Float64Array(FIRST_ROOM);
  let values = new Uint32Array(FIRST_ROOM);
  let size = 0;
  const keyOf = (first: number, second: number): number => (first + 1) * SECOND_MAX + second;
  const slotOf = (key: number): number => {
    const mask = keys.length - 1;
    // Both halves have to reach every bit of the slot: neighbours in a table this full cost a search each.
    let slot = Math.imul(Math.floor(key / SECOND_MAX), 0x9e3779b1) ^ Math.imul(key % SECOND_MAX, 0x85ebca6b);
    slot = Math.imul(slot ^ (slot >>> 16), 0x7feb352d);
    slot = (slot ^ (slot >>> 15)) & mask;
    while (keys[slot] !== 0 && keys[slot] !== key) slot = (slot + 1) & mask;
    return slot;
  };
  const put = (key: number, value: number): void => {
    const slot = slotOf(key);
    keys[slot] = key;
    values[slot] = value;
  };
  return {
    get: (first, second) => {
      const slot = slotOf(keyOf(first, second));
      return keys[slot] === 0 ? undefined : values[slot];
    },
    add: (first, second, value) => {
      put(keyOf(first, second), value);
      size += 1;
      if (size * 2 < keys.length) return;
      const [oldKeys, oldValues] = [keys, values];
      keys = new Float64Array(oldKeys.length * 2);
      values = new Uint32Array(oldKeys.length * 2);
      for (const [slot, key] of oldKeys.entries()) if (key !== 0) put(key, oldValues[slot] ?? 0);
    },
  };
}
