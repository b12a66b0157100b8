import { present } from "../base/assert.ts";
import { entriesOf } from "../ledger/block-journal.ts";
import type { JournalEntry } from "../ledger/journal.ts";
import { batchesAt } from "../node-journal.ts";
import { blockStore } from "./disk.ts";
import type { Host } from "./host.ts";

/** A host's journal without its genesis, told from its disk as a node's storage tells it. */
export function journalOf({ disk }: Host): readonly JournalEntry[] {
  const store = blockStore(disk);
  return disk.blocks.flatMap((_, index) => {
    const height = index + 1;
    const executed = present(batchesAt(store, height), "the log has every block with its cars");
    const journal = present(disk.notes.get(height), "every block is executed, and noted");
    return entriesOf({ height, ...executed, journal });
  });
}
