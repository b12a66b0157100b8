import { expect, test } from "vitest";
import { toHex } from "../base/bytes.ts";
import { seededRandom } from "../base/random.ts";
import { sha256 } from "../codec/hash.ts";
import { accountsIn } from "./leaf-bytes.ts";
import { accountOf, type Ledger, openAccount } from "./ledger.ts";
import {
  type AccountProof,
  accountProof,
  accountRootFrom,
  accountsRoot,
  beginRoots,
  foldRoots,
  type LedgerRoots,
  ledgerRoots,
  pendingRoot,
  provenAccount,
  WANTED_MAX,
  wantProof,
} from "./roots.ts";
import { aliceIn, bobIn, execute, fund, payment, testAccount, testLedger } from "./test-ledger.ts";
import { systemAccountId } from "./tokens.ts";

const all = Number.POSITIVE_INFINITY;
const keyOf = (number: number): string => toHex(sha256(new Uint8Array([number & 255, number >> 8])));
const idOf = (number: number): bigint => (9n << 64n) + BigInt(number);

function grow(ledger: Ledger, from: number, to: number): void {
  for (let number = from; number < to; number++)
    openAccount(ledger, testAccount({ id: idOf(number), owner: keyOf(number), ledger: 1 }));
}

function folded(roots: LedgerRoots): string {
  beginRoots(roots);
  expect(foldRoots(roots, all)).toBe(true);
  return toHex(accountsRoot(roots));
}

/** RFC 6962, section 2.1, as it is written there: recursive, from the accounts as everybody may ask for them. */
function plainRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length < 2) return sha256(new Uint8Array([0]), leaves[0] ?? new Uint8Array());
  let half = 1;
  while (2 * half < leaves.length) half *= 2;
  return sha256(new Uint8Array([1]), plainRoot(leaves.slice(0, half)), plainRoot(leaves.slice(half)));
}

test("the accounts root is the Merkle root over buckets of sixteen, however it came about", () => {
  const random = seededRandom(3n);
  const ledger = testLedger();
  const followed = ledgerRoots(ledger);
  let size = 0;
  for (const more of [0, 1, 15, 200, 4_100, 37]) {
    grow(ledger, size, size + more);
    size += more;
    for (let paid = 0; paid < 20 && size > 0; paid++)
      fund(ledger, { to: idOf(random.below(size)), token: 1, amount: BigInt(random.below(1_000)) });
    const root = folded(followed);
    const again = ledgerRoots(ledger);
    expect(folded(again)).toBe(root);
    const count = ledger.accounts.rows.count;
    const leaves = Array.from(
      { length: Math.ceil(count / 16) },
      (_, bucket) => new Uint8Array(again.accounts.encode(bucket)),
    );
    expect(toHex(plainRoot(leaves))).toBe(root);
    const told = leaves.flatMap((leaf) => accountsIn(leaf) ?? []);
    expect(told.length).toBe(count);
    for (const account of told) expect(accountOf(ledger, account.id)).toEqual(account);
    // `again` took note of everything: what follows has to begin anew.
    beginRoots(followed);
    foldRoots(followed, all);
  }
});

test("slices fold the state at which they began, whatever is written between them", () => {
  const ledger = testLedger();
  grow(ledger, 0, 300);
  const roots = ledgerRoots(ledger);
  folded(roots);
  for (let number = 0; number < 300; number += 7) fund(ledger, { to: idOf(number), token: 1, amount: 5n });
  execute(ledger, [payment(1, { flags: 2 }), payment(2, { flags: 2 })]);
  beginRoots(roots);
  const copy = testLedger();
  grow(copy, 0, 300);
  for (let number = 0; number < 300; number += 7) fund(copy, { to: idOf(number), token: 1, amount: 5n });
  execute(copy, [payment(1, { flags: 2 }), payment(2, { flags: 2 })]);
  const expected = ledgerRoots(copy);
  folded(expected);
  let slices = 1;
  for (; !foldRoots(roots, 3); slices++) {
    fund(ledger, { to: idOf((slices * 31) % 300), token: 1, amount: 1n });
    if (slices === 2) grow(ledger, 300, 340);
    if (slices === 3)
      execute(ledger, [payment(3, { flags: 8, pendingId: payment(1).id, amount: 0n }), payment(4, { flags: 2 })]);
  }
  expect(slices).toBeGreaterThan(5);
  expect(toHex(accountsRoot(roots))).toBe(toHex(accountsRoot(expected)));
  expect(toHex(pendingRoot(roots))).toBe(toHex(pendingRoot(expected)));
  expect(folded(roots)).toBe(folded(ledgerRoots(ledger)));
});

test("two roots of pending transfers differ by what they hold", () => {
  const rootAfter = (...fields: Parameters<typeof payment>[1][]): string => {
    const ledger = testLedger();
    for (const [serial, field] of fields.entries()) execute(ledger, [payment(serial + 1, { flags: 2, ...field })]);
    const roots = ledgerRoots(ledger);
    folded(roots);
    return toHex(pendingRoot(roots));
  };
  const agent = { flags: 2 | (1 << 15) };
  const roots = [
    rootAfter(),
    rootAfter({}),
    rootAfter({ amount: 9n }),
    rootAfter({ timeout: 5 }),
    rootAfter({ code: 2 }),
    rootAfter({ ...agent, userData128: bobIn(1) }),
    rootAfter({ ...agent, userData128: aliceIn(1) }),
    rootAfter({}, { flags: 8, pendingId: payment(1).id, amount: 0n, debit: 0n, credit: 0n, ledger: 0, code: 0 }),
  ];
  expect(new Set(roots).size).toBe(roots.length);
});

test("a proof shows an account under the root; every changed byte breaks it", () => {
  const ledger = testLedger();
  grow(ledger, 0, 77);
  const roots = ledgerRoots(ledger);
  const root = folded(roots);
  for (const id of [systemAccountId(1, "issuance"), aliceIn(4), idOf(0), idOf(40), idOf(76)]) {
    const proof = accountProof(roots, id);
    if (proof === undefined) throw new Error(`no proof of ${id}`);
    expect(toHex(accountRootFrom(proof) ?? new Uint8Array())).toBe(root);
    expect(provenAccount(proof, id)).toEqual(accountOf(ledger, id));
    expect(provenAccount(proof, 5n)).toBeUndefined();
    const others: AccountProof[] = [
      ...[0, 33, proof.bucket.length - 1].map((at) => ({
        ...proof,
        bucket: proof.bucket.with(at, (proof.bucket[at] ?? 0) ^ 1),
      })),
      ...proof.path.map((hash, at) => ({ ...proof, path: proof.path.with(at, hash.with(5, (hash[5] ?? 0) ^ 1)) })),
      { ...proof, path: proof.path.slice(1) },
      { ...proof, path: [...proof.path, new Uint8Array(32)] },
      { ...proof, path: proof.path.map((hash) => hash.subarray(1)) },
      { ...proof, index: proof.index ^ 1 },
      { ...proof, index: -1 },
      { ...proof, size: proof.index },
      { ...proof, bucket: proof.bucket.subarray(0, 160) },
    ];
    for (const other of others) expect(toHex(accountRootFrom(other) ?? new Uint8Array())).not.toBe(root);
  }
  expect(accountProof(roots, 12345n)).toBeUndefined();
});

test("an account that has changed is proven if it was asked for before the checkpoint", () => {
  const ledger = testLedger();
  grow(ledger, 0, 40);
  const roots = ledgerRoots(ledger);
  expect(accountProof(roots, idOf(1))).toBeUndefined();
  expect(wantProof(roots, idOf(1))).toBe(true);
  beginRoots(roots);
  const at = accountOf(ledger, idOf(1));
  fund(ledger, { to: idOf(1), token: 1, amount: 5n });
  foldRoots(roots, all);
  const proof = accountProof(roots, idOf(1));
  if (proof === undefined) throw new Error("no proof");
  expect(provenAccount(proof, idOf(1))).toEqual(at);
  expect(toHex(accountRootFrom(proof) ?? new Uint8Array())).toBe(toHex(accountsRoot(roots)));
  expect(accountProof(roots, idOf(2))).toBeUndefined();
  for (let id = 0; id < WANTED_MAX; id++) wantProof(roots, BigInt(id));
  expect(wantProof(roots, idOf(3))).toBe(false);
});
