import type { Hex } from "../base/bytes.ts";
import { type Transfer, transferFlags } from "../codec/transfer.ts";
import type { JournalEntry } from "../ledger/journal.ts";
import type { History } from "./check-ledger.ts";
import { ACCOUNT_BALANCE, accountId, CLIENTS } from "./scenario.ts";

/** What the clients' accounts come to, by a plain walk of the checkers' own through what was ordered. */
export type ExpectedLedger = {
  /** By client: posted credits without posted debits. */
  readonly balances: readonly bigint[];
  /** By client: debits that are reserved and neither posted nor expired. */
  readonly reserved: readonly bigint[];
  /** Height at which each batch was ordered first. */
  readonly firstAt: ReadonlyMap<Hex, number>;
  /** Movements in the journal from some height on, as `movementOf` names them. */
  readonly movements: ReadonlySet<string>;
  /** Pending transfers whose time ran out. */
  readonly expired: number;
};

/** Of clients' transfers the kind and id. */
export const movementOf = ({ kind, id }: Pick<JournalEntry, "kind" | "id">): string => `${kind} ${id}`;

/** A batch counts where it is ordered first; a transfer that is reserved is void from its time on, before any batch of a block. */
export function expectedLedger(
  blocks: Iterable<{ readonly height: number; readonly time: bigint; readonly ids: readonly Hex[] }>,
  submitted: History["submitted"],
  fromHeight: number,
): ExpectedLedger {
  const balances = Array.from({ length: CLIENTS }, () => ACCOUNT_BALANCE);
  const firstAt = new Map<Hex, number>();
  const movements = new Set<string>();
  const pending = new Map<bigint, { readonly transfer: Transfer; readonly voidAt: bigint }>();
  let expired = 0;
  const add = (to: bigint[], account: bigint, amount: bigint): void => {
    const client = to.findIndex((_, index) => accountId(index) === account);
    to[client] = (to[client] ?? 0n) + amount;
  };
  for (const { height, time, ids } of blocks) {
    const move = (kind: JournalEntry["kind"], id: bigint): unknown =>
      height >= fromHeight && movements.add(movementOf({ kind, id }));
    const pay = ({ debit, credit, amount }: Transfer): void => {
      add(balances, debit, -amount);
      add(balances, credit, amount);
    };
    for (const [id, { voidAt }] of pending) {
      if (voidAt > time) continue;
      pending.delete(id);
      expired += 1;
      move("expire", id);
    }
    for (const batch of ids) {
      const transfers = submitted.get(batch)?.transfers;
      // Not a client's: a liar's invention, which every chain refuses. A repeat changes nothing.
      if (transfers === undefined || firstAt.has(batch)) continue;
      firstAt.set(batch, height);
      for (const transfer of transfers) {
        const { id, pendingId, timeout, flags } = transfer;
        if ((flags & transferFlags.postPending) !== 0) {
          const reserved = pending.get(pendingId);
          if (reserved === undefined) continue;
          pending.delete(pendingId);
          pay(reserved.transfer);
          move("post", id);
        } else if ((flags & transferFlags.pending) !== 0) {
          pending.set(id, { transfer, voidAt: time + BigInt(timeout) * 1_000_000_000n });
          move("pending", id);
        } else {
          pay(transfer);
          move("transfer", id);
        }
      }
    }
  }
  const reserved = Array.from({ length: CLIENTS }, () => 0n);
  for (const { transfer } of pending.values()) add(reserved, transfer.debit, transfer.amount);
  return { balances, reserved, firstAt, movements, expired };
}
