import { assert } from "../base/assert.ts";
import type { Nanos } from "../base/units.ts";
import { type Ledger, remember } from "./ledger.ts";
import type { SystemMoveKind } from "./system-move.ts";

/**
 * One movement, in the order of execution: together they explain every balance. `transfer`, `post`, `issue` and the two
 * fees move `amount` between posted sums; `pending` reserves it; `post`, `void` and `expire` first give back the whole
 * amount that the pending transfer `pendingId` had reserved.
 */
export type JournalEntry = {
  /** From 1, without gaps. */
  readonly position: number;
  /** Block; 0 is genesis. */
  readonly height: number;
  readonly kind:
    | "issue"
    | "transfer"
    | "pending"
    | "post"
    | "void"
    | "expire"
    | "account_fee"
    | "token_fee"
    | SystemMoveKind;
  /** The transfer's id; for `issue` and `account_fee` the id of the account that is credited or opened. */
  readonly id: bigint;
  readonly debit: bigint;
  readonly credit: bigint;
  readonly amount: bigint;
  readonly ledger: number;
  readonly code: number;
  readonly flags: number;
  readonly pendingId: bigint;
  readonly userData128: bigint;
  readonly userData64: bigint;
  readonly userData32: number;
  readonly time: Nanos;
};

type Optional = "code" | "flags" | "pendingId" | "userData128" | "userData64" | "userData32";
export type NewEntry = Omit<JournalEntry, "position" | Optional> & Partial<Pick<JournalEntry, Optional>>;

export function record(ledger: Ledger, entry: NewEntry): void {
  const position = ledger.journal.length + 1;
  ledger.journal.push({
    code: 0,
    flags: 0,
    pendingId: 0n,
    userData128: 0n,
    userData64: 0n,
    userData32: 0,
    ...entry,
    position,
  });
  remember(ledger, () => {
    assert(ledger.journal.length === position, "journal is taken back in order");
    ledger.journal.pop();
  });
}

/** At most `limit` entries after `position`. */
export const journalAfter = (ledger: Ledger, position: number, limit: number): readonly JournalEntry[] =>
  ledger.journal.slice(Math.max(0, position), Math.max(0, position) + limit);
