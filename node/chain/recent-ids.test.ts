import { expect, test } from "vitest";
import { type Hex, toHex } from "../base/bytes.ts";
import { newTransfer, type Transfer, transferFlags } from "../codec/transfer.ts";
import type { AppliedTransfer } from "../ledger/ledger.ts";
import { recentIds } from "./recent-ids.ts";

const MINUTE = 60_000;
const idAt = (ms: number, serial: number): bigint => (BigInt(ms) << 80n) | BigInt(serial);
const applied = (fields: Partial<Transfer> & Pick<Transfer, "id">, amount = 5n): AppliedTransfer => ({
  record: newTransfer({ amount, ...fields }),
  height: 1,
  debit: 1n,
  credit: 2n,
  ledger: 1,
  code: 1,
  amount,
});

function rootOf(transfers: readonly AppliedTransfer[], nowMs = 0): Hex {
  const ids = recentIds();
  for (const transfer of transfers) ids.add(transfer);
  return toHex(ids.root(BigInt(nowMs)));
}

test("covers every applied transfer, its fields and the amount moved", () => {
  const first = applied({ id: idAt(1, 1) });
  const roots = [
    rootOf([]),
    rootOf([first]),
    rootOf([applied({ id: idAt(1, 2) })]),
    rootOf([applied({ id: idAt(1, 1), userData32: 1 })]),
    rootOf([{ ...first, amount: 4n }]),
    rootOf([first, applied({ id: idAt(MINUTE, 1) })]),
  ];
  expect(new Set(roots).size).toBe(roots.length);
});

test("asking does not change it, and minutes leave it when the window has passed them", () => {
  const ids = recentIds();
  ids.add(applied({ id: idAt(MINUTE - 1, 1) }));
  const one = toHex(ids.root(0n));
  expect(toHex(ids.root(0n))).toBe(one);
  ids.add(applied({ id: idAt(3 * MINUTE, 2) }));
  const both = toHex(ids.root(BigInt(11 * MINUTE - 1)));
  expect(both).toBe(rootOf([applied({ id: idAt(MINUTE - 1, 1) }), applied({ id: idAt(3 * MINUTE, 2) })]));
  expect(toHex(ids.root(BigInt(11 * MINUTE)))).toBe(rootOf([applied({ id: idAt(3 * MINUTE, 2) })]));
});

test("that a pending transfer is resolved outlives the id that resolved it", () => {
  const { pending, postPending } = transferFlags;
  const reserved = applied({ id: idAt(9 * MINUTE, 1), flags: pending });
  const post = applied({ id: idAt(0, 2), flags: postPending, pendingId: reserved.record.id });
  const later = 12 * MINUTE;
  expect(rootOf([reserved, post], later)).not.toBe(rootOf([reserved], later));
});
