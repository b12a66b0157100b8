import { assert } from "../base/assert.ts";
import type { Nanos } from "../base/units.ts";
import { followOrder } from "./account-order.ts";
import { type JournalNote, takeNote } from "./journal.ts";
import { blockMillis, forgetIds } from "./known-ids.ts";
import type { Ledger } from "./ledger.ts";
import { expirePending } from "./resolve-pending.ts";
import { isBalanced } from "./running-totals.ts";

/** Begins a block: forgets ids beyond the window and lets pending transfers expire. Its batches come after it. */
export function openBlock(ledger: Ledger, { time }: { readonly time: Nanos }): void {
  forgetIds(ledger.ids, Number(blockMillis(time)));
  expirePending(ledger, time);
}

/** Ends a block or, once, genesis: checks that every token balances and hands over what the journal has to keep. */
export function closeBlock(ledger: Ledger): JournalNote {
  assert(!ledger.undo.active, "no chain is under way between blocks");
  assert(isBalanced(ledger.totals), "debits of every token equal its credits");
  followOrder(ledger.order, ledger.accounts);
  return takeNote(ledger.journal);
}
