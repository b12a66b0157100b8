import { assert } from "../base/assert.ts";
import { type AppliedTransfer, entriesOf, type JournalBlock, transfersOf } from "../ledger/block-journal.ts";
import type { JournalEntry } from "../ledger/journal.ts";

/**
 * Batches and journal notes of the blocks executed since genesis or a restored snapshot, in memory: stands in for the history that storage is to keep, so that
 * journal and transfers can be asked for. Entries are told anew for each question; ids of transfers are collected when one
 * is first asked for.
 */
export type BlockHistory = {
  /** Height of the first of them; 0 is genesis. */
  readonly from: number;
  readonly blocks: JournalBlock[];
  readonly heightOfId: Map<bigint, number>;
  /** Heights below are in `heightOfId`. */
  indexed: number;
};

export const createHistory = (from: number): BlockHistory => ({
  from,
  blocks: [],
  heightOfId: new Map(),
  indexed: from,
});

export function addBlock({ from, blocks }: BlockHistory, block: JournalBlock): void {
  assert(block.height === from + blocks.length, "history has every block");
  blocks.push(block);
}

/** At most `limit` entries after `position`. */
export function journalAfter({ blocks }: BlockHistory, position: number, limit: number): JournalEntry[] {
  const from = Math.max(0, position);
  const entries: JournalEntry[] = [];
  for (const block of blocks) {
    const { first, count } = block.journal;
    if (first + count <= from + 1) continue;
    if (entries.length >= limit) break;
    const skipped = Math.max(0, from + 1 - first);
    entries.push(...entriesOf(block).slice(skipped, skipped + limit - entries.length));
  }
  return entries;
}

export function transferOf(history: BlockHistory, id: bigint): AppliedTransfer | undefined {
  const { from, blocks, heightOfId } = history;
  for (; history.indexed < from + blocks.length; history.indexed++)
    for (const { record, height } of transfersOf(blockAt(history, history.indexed))) heightOfId.set(record.id, height);
  const height = heightOfId.get(id);
  return height === undefined
    ? undefined
    : transfersOf(blockAt(history, height)).find(({ record }) => record.id === id);
}

function blockAt({ from, blocks }: BlockHistory, height: number): JournalBlock {
  const block = blocks[height - from];
  assert(block !== undefined, "history has every block");
  return block;
}
