import { expect, test } from "vitest";
import { type Hex, toHex } from "../base/bytes.ts";
import { type Transfer, transferFlags } from "../codec/transfer.ts";
import { ID_WINDOW_MS } from "../ledger/known-ids.ts";
import { exportLedger } from "../ledger/snapshot-export.ts";
import { importLedger } from "../ledger/snapshot-import.ts";
import { execute, idAt, payment, START_MS, testLedger } from "../ledger/test-ledger.ts";
import { recentIds } from "./recent-ids.ts";

const MINUTE = 60_000;
const { pending, postPending, voidPending, linked } = transferFlags;
type Sent = readonly [atMs: number, ...transfers: Transfer[]];

/** The root after some blocks, asked for at `nowMs` behind the start (a whole minute), absorbed at once or block by block. */
function rootOf(blocks: readonly Sent[], nowMs = 0, eachBlock = false): Hex {
  const ledger = testLedger();
  const ids = recentIds(ledger.ids);
  for (const [atMs, ...transfers] of blocks) {
    execute(ledger, transfers, { atMs });
    if (eachBlock) ids.absorb();
  }
  ids.absorb();
  return toHex(ids.root(START_MS + BigInt(nowMs)));
}

test("covers every applied transfer and its fields, in order", () => {
  const first = payment(1);
  const roots = [
    rootOf([]),
    rootOf([[0, first]]),
    rootOf([[0, payment(2)]]),
    rootOf([[0, payment(1, { userData32: 1 })]]),
    rootOf([[0, payment(1, { amount: 4n })]]),
    rootOf([[0, payment(1, { flags: pending })]]),
    rootOf([[0, first, payment(2)]]),
    rootOf([[0, payment(2), first]]),
    rootOf([[0, first, payment(2, { id: idAt(-MINUTE, 2) })]]),
  ];
  expect(new Set(roots).size).toBe(roots.length);
});

test("refused transfers and chains that were taken back leave no trace", () => {
  const refused = [payment(2, { code: 0 }), payment(3, { flags: linked | pending }), payment(4, { amount: 10n ** 9n })];
  expect(rootOf([[0, payment(1), ...refused]])).toBe(rootOf([[0, payment(1)]]));
  expect(rootOf([[0, ...refused]])).toBe(rootOf([]));
});

test("it matters not when it takes in what was executed", () => {
  const blocks: Sent[] = Array.from({ length: 5 }, (_, block) => [
    block,
    payment(2 * block + 1, { flags: pending }),
    payment(2 * block + 2, { flags: voidPending, pendingId: idAt(0, 2 * block + 1), amount: 0n }),
  ]);
  expect(rootOf(blocks, 9, true)).toBe(rootOf(blocks, 9));
});

test("asking does not change it, and minutes leave it when the window has passed them", () => {
  const early = payment(1, { id: idAt(MINUTE - 1, 1) });
  const late = payment(2, { id: idAt(3 * MINUTE, 2) });
  const blocks: Sent[] = [
    [0, early],
    [3 * MINUTE, late],
  ];
  const passed = MINUTE + ID_WINDOW_MS;
  expect(rootOf(blocks, passed - 1)).not.toBe(rootOf([[3 * MINUTE, late]], passed - 1));
  expect(rootOf(blocks, passed)).toBe(rootOf([[3 * MINUTE, late]], passed));
  const ledger = testLedger();
  const ids = recentIds(ledger.ids);
  execute(ledger, [payment(1)]);
  ids.absorb();
  expect(toHex(ids.root(START_MS))).toBe(toHex(ids.root(START_MS)));
});

test("that a pending transfer is resolved outlives the id that resolved it", () => {
  const reserved = payment(1, { id: idAt(9 * MINUTE, 1), flags: pending });
  const post = payment(2, { id: idAt(0, 2), flags: postPending, pendingId: reserved.id });
  const later = 12 * MINUTE;
  const at = 9 * MINUTE;
  expect(rootOf([[at, reserved, post]], later)).not.toBe(rootOf([[at, reserved]], later));
});

test("a restored ledger has the same root", () => {
  const ledger = testLedger();
  const ids = recentIds(ledger.ids);
  execute(ledger, [payment(1), payment(2, { flags: pending }), payment(3, { id: idAt(-MINUTE, 3) })]);
  ids.absorb();
  execute(ledger, [payment(4, { flags: voidPending, pendingId: idAt(0, 2), amount: 0n })], { atMs: 1 });
  ids.absorb();
  const next = exportLedger(ledger);
  const slices: Uint8Array[] = [];
  for (let slice = next(); slice !== undefined; slice = next()) slices.push(slice);
  const restored = importLedger(slices, 99);
  if (!restored.ok) throw new Error(restored.detail);
  const again = recentIds(restored.value.ids);
  again.absorb();
  expect(toHex(again.root(START_MS))).toBe(toHex(ids.root(START_MS)));
});
