import type { Hex } from "./base/bytes.ts";
import { BLOCK_BATCHES_MAX, BLOCK_BYTES_MAX } from "./codec/block.ts";

/** What one origin (this node's clients, or one peer) may keep waiting: no peer can take the room of another. */
export const POOL_BATCHES_MAX = 2048;
export const POOL_BYTES_MAX = 32 * 1024 * 1024;
/** Room in a block beside its batches: the header and a length before each. */
const BLOCK_OVERHEAD_BYTES = 64 * 1024;

type Entry = { readonly batch: Uint8Array; readonly origin: number };

/** Admitted batches that no executed block holds yet, in order of arrival. */
export type Pool = {
  readonly entries: Map<Hex, Entry>;
  readonly usage: Map<number, { batches: number; bytes: number }>;
};

export const createPool = (): Pool => ({ entries: new Map(), usage: new Map() });

/** False if the origin's share is full. */
export function addToPool(pool: Pool, { id, batch, origin }: { id: Hex; batch: Uint8Array; origin: number }): boolean {
  if (pool.entries.has(id)) return true;
  const usage = pool.usage.get(origin) ?? { batches: 0, bytes: 0 };
  if (usage.batches >= POOL_BATCHES_MAX || usage.bytes + batch.length > POOL_BYTES_MAX) return false;
  pool.usage.set(origin, { batches: usage.batches + 1, bytes: usage.bytes + batch.length });
  // A copy: the bytes came inside a frame, which need not be kept.
  pool.entries.set(id, { batch: batch.slice(), origin });
  return true;
}

export function removeFromPool(pool: Pool, id: Hex): void {
  const entry = pool.entries.get(id);
  if (entry === undefined) return;
  pool.entries.delete(id);
  const usage = pool.usage.get(entry.origin);
  if (usage === undefined) return;
  usage.batches -= 1;
  usage.bytes -= entry.batch.length;
}

export function poolWaits(pool: Pool, without: ReadonlySet<Hex>): boolean {
  for (const id of pool.entries.keys()) if (!without.has(id)) return true;
  return false;
}

/** The next block's batches by arrival, within the leader's own limits; one is always taken, however large. */
export function takeFromPool(
  pool: Pool,
  without: ReadonlySet<Hex>,
  { maxBatchesPerBlock, maxBlockBytes }: { maxBatchesPerBlock: number; maxBlockBytes: number },
): readonly Uint8Array[] {
  const batchesMax = Math.min(maxBatchesPerBlock, BLOCK_BATCHES_MAX);
  const bytesMax = Math.min(maxBlockBytes, BLOCK_BYTES_MAX - BLOCK_OVERHEAD_BYTES);
  const taken: Uint8Array[] = [];
  let bytes = 0;
  for (const [id, { batch }] of pool.entries) {
    if (without.has(id)) continue;
    if (taken.length >= batchesMax || (taken.length > 0 && bytes + batch.length > bytesMax)) break;
    taken.push(batch);
    bytes += batch.length;
  }
  return taken;
}

/** What a new connection is given at once; more would crowd out its votes. */
const GREETING_BYTES_MAX = 4 * 1024 * 1024;

/** The oldest batches of this node's own clients, for a peer that may have missed them. */
export function batchesOf(pool: Pool, origin: number): readonly Uint8Array[] {
  const own: Uint8Array[] = [];
  let bytes = 0;
  for (const entry of pool.entries.values()) {
    if (entry.origin !== origin) continue;
    bytes += entry.batch.length;
    if (bytes > GREETING_BYTES_MAX) break;
    own.push(entry.batch);
  }
  return own;
}
