import { present } from "../base/assert.ts";
import { entriesOf } from "../ledger/block-journal.ts";
import type { JournalEntry } from "../ledger/journal.ts";
import { batchesAt } from "../node-journal.ts";
import { blockStore } from "./disk.ts";
import type { Host } from "./host.ts";

/** A host's journal behind what its volume began with, told from its disk as a node's storage tells it. */
export function journalOf({ disk }: Host): readonly JournalEntry[] {
  // What the node let go is told too: the checkers' disk has it.
  const store = blockStore({ ...disk, released: disk.base });
  return disk.blocks.flatMap((_, index) => {
    const height = disk.base + index + 1;
    const executed = present(batchesAt(store, height), "the log has every block with its cars");
    const journal = present(disk.notes.get(height), "every block is executed, and noted");
    return entriesOf({ height, ...executed, journal });
  });
}
