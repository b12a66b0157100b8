import type { HybridTime } from "../codec/hybrid-clock.ts";
import { HYBRID_TIME_MAX } from "../codec/hybrid-clock.ts";
import { countIn, itemsUnder } from "./digest-tree.ts";
import { dropHeld, type Held, type Store, sinkBelow } from "./store.ts";

/** RΦV of an entry that is held, in millionths; undefined: not known, which counts as none. */
export type ScoreOf = (held: Held) => number | undefined;

/** What is left after an eviction, in eighths of the capacity: so it is rare. */
const TARGET_EIGHTHS = 7;

/**
 * Brings a store that is over its capacity under it (domain.md, "Memory mesh"). The watermark rises past twice as many of
 * the oldest entries as have to go; they leave the digests, so no peer brings them again. Of all below it those go that
 * have the lowest RΦV, the oldest first; the rest stays, as this node's own, until room is needed again.
 */
export function evict(store: Store, scoreOf: ScoreOf): readonly Held[] {
  const { limits, entries } = store;
  const dropped: Held[] = [];
  if (entries.size <= limits.entries && store.bytes <= limits.bytes) return dropped;
  const isOver = (): boolean =>
    entries.size > (limits.entries * TARGET_EIGHTHS) / 8 || store.bytes > (limits.bytes * TARGET_EIGHTHS) / 8;
  while (isOver()) {
    sinkOldest(store, 2 * excessOf(store) - store.below.size);
    const candidates = [...store.below]
      .map((held) => ({ held, score: scoreOf(held) ?? 0 }))
      .toSorted((a, b) => a.score - b.score || (a.held.place < b.held.place ? -1 : 1));
    for (const { held } of candidates) {
      if (!isOver()) break;
      dropHeld(store, held);
      dropped.push(held);
    }
  }
  return dropped;
}

/** Raises the watermark; what is below it leaves the digests. */
export function raiseWatermark(store: Store, watermark: HybridTime): void {
  if (watermark <= store.watermark) return;
  const range = { from: store.watermark, to: watermark };
  store.watermark = watermark;
  for (const tree of store.trees) for (const held of [...itemsUnder(tree, "", range)]) sinkBelow(store, held);
}

/** Entries, of mean size, that are too many for the target. */
function excessOf({ entries, bytes, limits }: Store): number {
  const tooMany = entries.size - (limits.entries * TARGET_EIGHTHS) / 8;
  const tooLarge = (bytes - (limits.bytes * TARGET_EIGHTHS) / 8) / (bytes / entries.size);
  return Math.ceil(Math.max(1, tooMany, tooLarge));
}

/** Raises the watermark so far that at least so many entries fall below it, all if there are fewer. */
function sinkOldest(store: Store, count: number): void {
  if (count <= 0) return;
  const from = store.watermark;
  const sunkBy = (to: HybridTime): number => store.trees.reduce((sum, tree) => sum + countIn(tree, { from, to }), 0);
  let [low, high] = [from, HYBRID_TIME_MAX];
  while (low < high) {
    const middle = (low + high) / 2n;
    if (sunkBy(middle) >= count) high = middle;
    else low = middle + 1n;
  }
  // With fewer entries than asked for, up to the newest and no further: what comes next is taken.
  raiseWatermark(store, high === HYBRID_TIME_MAX ? newestOf(store) + 1n : high);
}

function newestOf({ entries, watermark }: Store): HybridTime {
  let newest = watermark;
  for (const { entry } of entries.values()) if (entry.clock > newest) newest = entry.clock;
  return newest;
}
