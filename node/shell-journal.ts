import { setImmediate as nextTurn } from "node:timers/promises";
import type { GenesisFile } from "./api/contract.ts";
import type { JournalSource } from "./api/journal-source.ts";
import { unreachable } from "./base/assert.ts";
import { accept, refuse } from "./base/result.ts";
import { nanos } from "./base/units.ts";
import { entriesOf, type JournalBlock, scanEntries, transfersOf } from "./ledger/block-journal.ts";
import type { JournalEntry } from "./ledger/journal.ts";
import { blockMillis, ID_WINDOW_MS } from "./ledger/known-ids.ts";
import { batchesAt } from "./node-journal.ts";
import type { History, JournalReader, NotedBlock } from "./storage/history.ts";
import type { Storage } from "./storage/storage.ts";

/** An entry, and what its block tells of the transfer behind it. */
type Entry = JournalEntry & { readonly block: JournalBlock };

/** Blocks that one question may index: what was executed a moment ago is found, and a whole log does not hold it up. */
const INDEXED_FOR_QUESTION = 256;

/** Opens the history of the node's log. `mayWork`: whether the disk takes writes. */
export function openJournal(
  storage: Pick<Storage, "openHistory" | "readBlock" | "readCar">,
  genesis: Pick<GenesisFile, "timeNs">,
  mayWork: () => boolean,
): JournalSource {
  return journalSource(storage.openHistory(journalReader(storage, genesis)), mayWork);
}

export function journalReader(
  storage: Pick<Storage, "readBlock" | "readCar">,
  { timeNs }: Pick<GenesisFile, "timeNs">,
): JournalReader<Entry> {
  const genesis = { time: nanos(BigInt(timeNs)), batches: [] };
  const blockOf = ({ height, first, entries, note }: NotedBlock): JournalBlock | undefined => {
    const executed = height === 0 ? genesis : batchesAt(storage, height);
    return executed === undefined ? undefined : { height, ...executed, journal: { first, count: entries, note } };
  };
  return {
    entriesOf: (noted) => {
      const block = blockOf(noted);
      return block === undefined ? undefined : entriesOf(block).map((entry) => ({ ...entry, block }));
    },
    scan: (noted, visit) => {
      const { first, entries, note } = noted;
      const batches = noted.batches ?? blockOf(noted)?.batches;
      if (batches !== undefined) scanEntries({ batches, journal: { first, count: entries, note } }, visit);
    },
  };
}

function journalSource(history: History<Entry>, mayWork: () => boolean): JournalSource {
  const catchUp = async (): Promise<void> => {
    for (let left = INDEXED_FOR_QUESTION; left > 0 && mayWork() && history.work(); left--) await nextTurn();
  };
  /** Whether a transfer of this id may stand where nothing is held: blocks take ids only within their window. */
  const mayBeOlder = async (id: bigint): Promise<boolean> => {
    const { heldFrom, entries } = await history.entriesAfter(0, 1);
    const [oldest] = entries;
    if (heldFrom === 1) return false;
    return oldest === undefined || (id >> 80n) - BigInt(ID_WINDOW_MS) <= blockMillis(oldest.time);
  };
  return {
    after: (position, limit) => history.entriesAfter(position, limit),
    ofAccount: async (account, { before, limit }) => {
      if (before === 0) await catchUp();
      return history.entriesOfAccount(account, before === 0 ? { limit } : { before, limit });
    },
    transfer: async (id) => {
      await catchUp();
      const found = await history.transferById(id);
      switch (found.type) {
        case "found":
          return accept(transfersOf(found.entry.block).find(({ record }) => record.id === id));
        case "released":
          return refuse("elsewhere", `applied, but its block is not held here (journal position ${found.position})`);
        case "unknown": {
          const { entries } = await history.entriesAfter(found.indexedTo, 1);
          if (entries.length > 0) return refuse("elsewhere", "this node still indexes its journal");
          if (await mayBeOlder(id)) return refuse("elsewhere", "the blocks of that time are not held here");
          return accept(undefined);
        }
        default:
          return unreachable(found);
      }
    },
  };
}
