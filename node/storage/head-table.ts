const FIRST_SLOTS = 1024;
/** Hash, low half of the record's number, high half: side by side, so that a look-up waits for memory once. */
const SLOT_WORDS = 3;

/** The newest record of each chain by its hash: open addressing, at most half full, 12 bytes a slot. */
export type HeadTable = {
  /** 0: the chain is empty. */
  get(hash: number): number;
  /** Reads where the chain of that hash is looked for, so that the memory is near when it is. */
  fetch(hash: number): number;
  /** Makes a record the newest of its chain, and answers with the one before it. */
  replace(hash: number, record: number): number;
};

export function headTable(): HeadTable {
  let slots = new Uint32Array(FIRST_SLOTS * SLOT_WORDS);
  let used = 0;
  /** Multiplying spreads hashes that differ in their low bits only. */
  const slotOf = (hash: number): number => (Math.imul(hash, 0x9e37_79b1) >>> 0) & (slots.length / SLOT_WORDS - 1);
  const recordAt = (from: Uint32Array, at: number): number =>
    (from[at + 1] as number) + (from[at + 2] as number) * 0x1_0000_0000;
  /** The slot of a hash, or the free one where it would go. */
  const find = (hash: number): number => {
    const count = slots.length / SLOT_WORDS;
    let slot = slotOf(hash);
    for (;;) {
      const at = slot * SLOT_WORDS;
      if (slots[at] === hash || ((slots[at + 1] as number) | (slots[at + 2] as number)) === 0) return at;
      slot = (slot + 1) & (count - 1);
    }
  };
  const replace = (hash: number, record: number): number => {
    if (2 * SLOT_WORDS * (used + 1) > slots.length) grow();
    const at = find(hash);
    const before = recordAt(slots, at);
    if (before === 0) used += 1;
    slots[at] = hash;
    slots[at + 1] = record;
    slots[at + 2] = Math.floor(record / 0x1_0000_0000);
    return before;
  };
  const grow = (): void => {
    const before = slots;
    slots = new Uint32Array(2 * before.length);
    used = 0;
    for (let at = 0; at < before.length; at += SLOT_WORDS) {
      const record = recordAt(before, at);
      if (record !== 0) replace(before[at] as number, record);
    }
  };
  return {
    get: (hash) => recordAt(slots, find(hash)),
    fetch: (hash) => slots[slotOf(hash) * SLOT_WORDS] as number,
    replace,
  };
}
