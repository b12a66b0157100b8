import { type RunningHash, runningSha256 } from "../codec/hash.ts";
import { TRANSFER_BYTES, transferFlags, writeTransfer, writeU128 } from "../codec/transfer.ts";
import { writer } from "../codec/writer.ts";
import { has } from "../ledger/account.ts";
import { type AppliedTransfer, ID_WINDOW_MS, idMillis } from "../ledger/ledger.ts";
import { compareBigints } from "../ledger/timers.ts";
import { leafHash, merkleRoot } from "./merkle.ts";

const SLOT_MS = 60_000n;
const ENTRY_BYTES = TRANSFER_BYTES + 16;

/**
 * Commits to the transfers whose ids execution still remembers, by the minute in their ids: per minute one hash over
 * them in the order of execution, so that a checkpoint costs nothing for the older ones.
 */
export type RecentIds = {
  add(transfer: AppliedTransfer): void;
  /** Root at a block of that time; minutes that have left the window are dropped for good. */
  root(nowMs: bigint): Uint8Array;
};

export function recentIds(): RecentIds {
  const slots = new Map<bigint, RunningHash>();
  const slotOf = (id: bigint): RunningHash => {
    const slot = idMillis(id) / SLOT_MS;
    let hash = slots.get(slot);
    if (hash === undefined) {
      hash = runningSha256();
      slots.set(slot, hash);
    }
    return hash;
  };
  return {
    add: (transfer) => {
      slotOf(transfer.record.id).update(entry(transfer));
      const { flags, pendingId } = transfer.record;
      // That it is resolved lies with the pending transfer as well: the two ids may leave the window at different times.
      if (has(flags, transferFlags.postPending | transferFlags.voidPending))
        slotOf(pendingId).update(writer().u128(pendingId).u16(flags).done());
    },
    root: (nowMs) => {
      for (const slot of slots.keys()) if ((slot + 1n) * SLOT_MS - 1n + ID_WINDOW_MS < nowMs) slots.delete(slot);
      const sorted = [...slots].toSorted(([a], [b]) => compareBigints(a, b));
      return merkleRoot(sorted.map(([slot, hash]) => leafHash(writer().u64(slot).done(), hash.digest())));
    },
  };
}

function entry(transfer: AppliedTransfer): Uint8Array {
  const bytes = new Uint8Array(ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  writeTransfer(view, 0, transfer.record);
  writeU128(view, TRANSFER_BYTES, transfer.amount);
  return bytes;
}
