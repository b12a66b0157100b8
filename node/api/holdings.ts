import type { Hex } from "../base/bytes.ts";

/** Who holds how much of one token, by owner key, as of the last sweep over the accounts. */
export type Holdings = {
  /** In the smallest unit. Asking makes a sweep due, if the last one is old. */
  of(key: Hex): bigint;
  /** Goes on with a sweep that is under way or due, for about so long; false when there is nothing to do. */
  sweep(budgetMs: number): boolean;
};

type Holder = {
  readonly id: bigint;
  readonly owner: Hex | undefined;
  readonly ledger: number;
  readonly creditsPosted: bigint;
  readonly debitsPosted: bigint;
  readonly debitsPending: bigint;
};

export type HoldingsOptions = {
  readonly ledger: number;
  /** Accounts by id, after this one. */
  readonly accountsAfter: (afterId: bigint, limit: number) => readonly Holder[];
  readonly nowMs: () => number;
};

const SWEEP_EVERY_MS = 30_000;
const PAGE = 1_000;

/**
 * The ledger has no index by owner, so this reads all accounts, page by page in the pauses of the node's work, and only
 * while somebody asks. What it knows may be half a minute old, which is enough for a local limit.
 */
export function createHoldings({ ledger, accountsAfter, nowMs }: HoldingsOptions): Holdings {
  let known: ReadonlyMap<Hex, bigint> = new Map();
  let finishedAtMs = Number.NEGATIVE_INFINITY;
  let under: { readonly held: Map<Hex, bigint>; after: bigint } | undefined;
  const page = ({ held, after }: { held: Map<Hex, bigint>; after: bigint }): bigint | undefined => {
    const accounts = accountsAfter(after, PAGE);
    for (const account of accounts) {
      if (account.ledger !== ledger || account.owner === undefined) continue;
      const free = account.creditsPosted - account.debitsPosted - account.debitsPending;
      if (free > 0n) held.set(account.owner, (held.get(account.owner) ?? 0n) + free);
    }
    return accounts.length < PAGE ? undefined : accounts.at(-1)?.id;
  };
  return {
    of: (key) => {
      if (under === undefined && nowMs() - finishedAtMs >= SWEEP_EVERY_MS) under = { held: new Map(), after: 0n };
      return known.get(key) ?? 0n;
    },
    sweep: (budgetMs) => {
      if (under === undefined) return false;
      const end = nowMs() + budgetMs;
      do {
        const last = page(under);
        if (last === undefined) {
          known = under.held;
          finishedAtMs = nowMs();
          under = undefined;
          return true;
        }
        under.after = last;
      } while (nowMs() < end);
      return true;
    },
  };
}
