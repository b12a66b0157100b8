import { sha256 } from "../codec/hash.ts";
import { writer } from "../codec/writer.ts";
import type { Account } from "./account.ts";
import { findAccountId } from "./accounts.ts";
import {
  auditPath,
  beginFold,
  type DenseTree,
  denseTree,
  fold,
  isFolded,
  leafOf,
  rootFrom,
  rootOf,
} from "./dense-tree.ts";
import { accountLeaves, accountsIn, pendingLeaves } from "./leaf-bytes.ts";
import type { Ledger } from "./ledger.ts";
import { BUCKET_ROWS, isClean, touchAll } from "./rows.ts";

/** Follows accounts and pending transfers from checkpoint to checkpoint. One for each ledger: it takes what changed. */
export type LedgerRoots = {
  readonly ledger: Ledger;
  readonly accounts: DenseTree;
  readonly pending: DenseTree;
  /** First free row of the table of pending transfers when the fold began: the table's order is state, too. */
  firstFree: number;
  /** Accounts that somebody wants a proof of at the next checkpoint. */
  readonly wanted: Set<bigint>;
  /** Their buckets in the state that is being folded. */
  captured: Map<bigint, { readonly index: number; readonly bucket: Uint8Array }>;
  /** Proofs under the newest roots. */
  proofs: Map<bigint, AccountProof>;
};

/** Shows that an account stands in the tree under an accounts root: its bucket, and the way up from there. */
export type AccountProof = {
  /** Place of the bucket among the leaves. */
  readonly index: number;
  /** Leaves of the tree. */
  readonly size: number;
  readonly bucket: Uint8Array;
  readonly path: readonly Uint8Array[];
};

/** More are not remembered between two checkpoints. */
export const WANTED_MAX = 1_024;

export function ledgerRoots(ledger: Ledger): LedgerRoots {
  const { accounts, pending } = ledger;
  for (const { rows } of [accounts, pending]) touchAll(rows);
  return {
    ledger,
    accounts: denseTree(accounts.rows, accountLeaves(ledger)),
    pending: denseTree(pending.rows, pendingLeaves(ledger)),
    firstFree: 0,
    wanted: new Set(),
    captured: new Map(),
    proofs: new Map(),
  };
}

/** Accounts in the leaves that changed since the last fold began: the same on all nodes that executed the same since then. */
export const touchedAccounts = ({ ledger }: LedgerRoots): number => ledger.accounts.rows.dirty.length * BUCKET_ROWS;

/** Fixes the ledger as it is now: the roots will be those of this state, whatever is executed while they are folded. */
export function beginRoots(roots: LedgerRoots): void {
  const { ledger, wanted } = roots;
  foldRoots(roots, Number.POSITIVE_INFINITY);
  beginFold(roots.accounts);
  beginFold(roots.pending);
  roots.firstFree = ledger.pending.firstFree;
  roots.captured = new Map();
  for (const id of wanted) {
    const account = findAccountId(ledger.accounts, id);
    if (account !== -1) roots.captured.set(id, bucketOf(roots, account));
  }
  wanted.clear();
}

const bucketOf = ({ accounts }: LedgerRoots, account: number) => {
  const index = Math.floor(account / BUCKET_ROWS);
  return { index, bucket: new Uint8Array(accounts.encode(index)) };
};

/** Does up to `budget` hashes; answers whether the roots are known now. */
export function foldRoots(roots: LedgerRoots, budget: number): boolean {
  if (isFolded(roots.accounts) && isFolded(roots.pending)) return true;
  fold(roots.pending, fold(roots.accounts, budget));
  if (!isFolded(roots.accounts) || !isFolded(roots.pending)) return false;
  roots.proofs = new Map([...roots.captured].map(([id, { index, bucket }]) => [id, proofOf(roots, index, bucket)]));
  return true;
}

const proofOf = ({ accounts }: LedgerRoots, index: number, bucket: Uint8Array): AccountProof => ({
  index,
  size: accounts.sizes[0] ?? 0,
  bucket,
  path: auditPath(accounts, index),
});

/** Of the state that the last `beginRoots` fixed, once all is folded. */
export const accountsRoot = (roots: LedgerRoots): Uint8Array => rootOf(roots.accounts);

/** The same for the table of pending transfers, the order of its free rows included: it decides where the next one goes. */
export const pendingRoot = (roots: LedgerRoots): Uint8Array =>
  sha256(writer().fixed(rootOf(roots.pending)).u32(roots.firstFree).done());

/** Asks that the next checkpoint makes a proof of this account; false if too many are asked for already. */
export function wantProof({ wanted }: LedgerRoots, id: bigint): boolean {
  if (wanted.size >= WANTED_MAX && !wanted.has(id)) return false;
  wanted.add(id);
  return true;
}

/**
 * Proof of an account under the newest accounts root. An account that changed since that checkpoint has one only if
 * `wantProof` had asked for it; undefined then, or while the next roots are folded, or without such an account.
 */
export function accountProof(roots: LedgerRoots, id: bigint): AccountProof | undefined {
  const made = roots.proofs.get(id);
  if (made !== undefined) return made;
  const account = findAccountId(roots.ledger.accounts, id);
  const bucket = Math.floor(account / BUCKET_ROWS);
  if (account === -1 || !isFolded(roots.accounts) || bucket >= (roots.accounts.sizes[0] ?? 0)) return undefined;
  if (!isClean(roots.ledger.accounts.rows, bucket)) return undefined;
  const now = bucketOf(roots, account);
  return proofOf(roots, now.index, now.bucket);
}

/** The accounts root that a proof leads to, or undefined if it leads to none. Pure: who checks a proof needs no ledger. */
export const accountRootFrom = ({ bucket, index, size, path }: AccountProof): Uint8Array | undefined =>
  rootFrom({ leaf: leafOf(bucket), index, size, path });

/** The account that a proof shows, or undefined if it is not in the proof's bucket. */
export const provenAccount = ({ bucket }: AccountProof, id: bigint): Account | undefined =>
  accountsIn(bucket)?.find((account) => account.id === id);
