const FIRST_SLOTS = 1024;

/** The newest record of each chain by its hash: open addressing, at most half full, 10 bytes a slot. */
export type HeadTable = {
  /** 0: the chain is empty. */
  get(hash: number): number;
  set(hash: number, record: number): void;
};

type Slots = { readonly hashes: Uint32Array; readonly low: Uint32Array; readonly high: Uint16Array };
const slotsOf = (count: number): Slots => ({
  hashes: new Uint32Array(count),
  low: new Uint32Array(count),
  high: new Uint16Array(count),
});

export function headTable(): HeadTable {
  let slots = slotsOf(FIRST_SLOTS);
  let used = 0;
  const recordAt = (from: Slots, slot: number): number =>
    (from.low[slot] ?? 0) + (from.high[slot] ?? 0) * 0x1_0000_0000;
  /** The slot of a hash, or the free one where it would go. Multiplying spreads hashes that differ in their low bits only. */
  const find = (hash: number): number => {
    const count = slots.hashes.length;
    let slot = (Math.imul(hash, 0x9e37_79b1) >>> 0) & (count - 1);
    while (recordAt(slots, slot) !== 0 && slots.hashes[slot] !== hash) slot = (slot + 1) & (count - 1);
    return slot;
  };
  const put = (hash: number, record: number): void => {
    const slot = find(hash);
    if (recordAt(slots, slot) === 0) used += 1;
    slots.hashes[slot] = hash;
    slots.low[slot] = record % 0x1_0000_0000;
    slots.high[slot] = Math.floor(record / 0x1_0000_0000);
  };
  return {
    get: (hash) => recordAt(slots, find(hash)),
    set: (hash, record) => {
      if (2 * (used + 1) > slots.hashes.length) {
        const before = slots;
        slots = slotsOf(2 * before.hashes.length);
        used = 0;
        for (const [slot, old] of before.hashes.entries()) {
          const head = recordAt(before, slot);
          if (head !== 0) put(old, head);
        }
      }
      put(hash, record);
    },
  };
}
