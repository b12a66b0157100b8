import { accept } from "../base/result.ts";
import type { Chain } from "../chain/chain.ts";
import { journalOf, transferOf } from "../chain/test-journal.ts";
import type { JournalSource } from "./journal-source.ts";

/** The journal of a chain of the tests, whole and in memory. */
export const testJournal = (chain: () => Chain): JournalSource => ({
  after: async (position, limit) => ({
    entries: journalOf(chain()).slice(position, position + limit),
    heldFrom: 1,
  }),
  ofAccount: async (account, { before, limit }) => {
    const journal = journalOf(chain());
    const all = journal
      .filter(({ debit, credit, position }) => [debit, credit].includes(account) && (before === 0 || position < before))
      .toReversed();
    const entries = all.slice(0, limit);
    const next = all.length > limit ? entries.at(-1)?.position : undefined;
    return { entries, heldFrom: 1, indexedTo: journal.length, next };
  },
  transfer: async (id) => accept(transferOf(chain(), id)),
});
