/** Of a journal entry, what tells whose it is. */
type Entry = { readonly position: number; readonly debit: bigint; readonly credit: bigint };

/** Entries of the journal that one page may read: the ledger has no index by account, and a question must not stall blocks. */
const SCAN_MAX = 20_000;
const SCAN_PAGE = 1_000;

/**
 * At most `limit` entries that touch the account, behind position `after`. `next` is where the journal was read up to;
 * `more` says whether it goes on there, also when this page found nothing.
 */
export function historyOf<T extends Entry>(
  { after, limit }: { readonly after: number; readonly limit: number },
  journal: { readonly account: bigint; readonly journalAfter: (position: number, limit: number) => readonly T[] },
): { readonly entries: readonly T[]; readonly next: number; readonly more: boolean } {
  const { account, journalAfter } = journal;
  const entries: T[] = [];
  let next = after;
  for (let scanned = 0; scanned < SCAN_MAX; scanned += SCAN_PAGE) {
    const page = journalAfter(next, SCAN_PAGE);
    for (const entry of page) {
      next = entry.position;
      if (entry.debit === account || entry.credit === account) entries.push(entry);
      if (entries.length === limit) return { entries, next, more: journalAfter(next, 1).length > 0 };
    }
    if (page.length < SCAN_PAGE) return { entries, next, more: false };
  }
  return { entries, next, more: true };
}
