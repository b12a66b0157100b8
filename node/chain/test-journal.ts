import { present } from "../base/assert.ts";
import { type AppliedTransfer, entriesOf, type JournalBlock, transfersOf } from "../ledger/block-journal.ts";
import type { JournalEntry } from "../ledger/journal.ts";
import { type Chain, executeBlock, newestJournal } from "./chain.ts";
import type { BlockOutcome, ExecutableBlock } from "./types.ts";

/** The journal of each chain of the tests, in memory, as a node's storage would tell it. */
const blocksOf = new WeakMap<Chain, JournalBlock[]>();

/** Begins with the genesis; blocks executed by `executeKept` follow. */
export function keepJournal(chain: Chain): Chain {
  const journal = present(newestJournal(chain), "a new chain has noted its genesis");
  blocksOf.set(chain, [{ height: 0, time: chain.time, batches: [], journal }]);
  return chain;
}

export function executeKept(chain: Chain, block: ExecutableBlock): BlockOutcome {
  const outcome = executeBlock(chain, block);
  const { height, time, batches } = block;
  blocksOf.get(chain)?.push({ height, time, batches, journal: outcome.journal });
  return outcome;
}

const keptOf = (chain: Chain): readonly JournalBlock[] => present(blocksOf.get(chain), "the chain's journal is kept");

export const journalOf = (chain: Chain): readonly JournalEntry[] => keptOf(chain).flatMap(entriesOf);
export const transferOf = (chain: Chain, id: bigint): AppliedTransfer | undefined =>
  keptOf(chain)
    .flatMap(transfersOf)
    .find(({ record }) => record.id === id);
