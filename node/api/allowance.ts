import type { Hex } from "../base/bytes.ts";

/** Transfers per second that one key may have executed through one node (domain.md, "Ledger"). */
export const ALLOWANCE_PER_SECOND = 50_000;
/** 1 000 RES double a key's allowance; more adds nothing. In 10⁻⁶ RES. */
const RES_TO_DOUBLE = 1_000_000_000n;
/** A key that was quiet may send this many seconds' worth at once. */
const BURST_SECONDS = 1;
/** Keys in debt that are remembered. Beyond them the quietest is forgotten, which forgives its debt. */
const KEYS_MAX = 65_536;

/** A local limit of the node that takes the batches: nothing of it is agreed on, and a client may go to another node. */
export type Allowance = {
  /** Whether this key may have more taken now, with `reserved` records of it on their way for the same asker. */
  allows(key: Hex, reserved: number): boolean;
  /** Charges what was executed. The debt may be larger than the bucket: it is paid back by waiting. */
  spend(key: Hex, records: number): void;
  /** Keys that are remembered. */
  keys(): number;
};

/** For a node that limits nobody. */
export const UNLIMITED: Allowance = { allows: () => true, spend: () => {}, keys: () => 0 };

export type AllowanceOptions = {
  readonly perSecond: number;
  readonly nowMs: () => number;
  /** RES that a key holds, in 10⁻⁶; asked only for keys that are over the allowance of those without. */
  readonly resOf: (key: Hex) => bigint;
};

/** Records executed and not yet paid back by waiting, and how many a second are. */
type Debt = { records: number; perSecond: number; atMs: number };

/**
 * A token bucket for each key, kept as what is missing in it. Charged by what was executed and not by what was claimed: a
 * batch names its key before the signature is checked, and a stranger must not use up somebody else's allowance.
 */
export function createAllowance({ perSecond, nowMs, resOf }: AllowanceOptions): Allowance {
  const debts = new Map<Hex, Debt>();
  const debtOf = (key: Hex): Debt => {
    const now = nowMs();
    const debt = debts.get(key) ?? { records: 0, perSecond, atMs: now };
    debt.records = Math.max(0, debt.records - (debt.perSecond * Math.max(0, now - debt.atMs)) / 1_000);
    debt.atMs = now;
    return debt;
  };
  return {
    allows: (key, reserved) => {
      const debt = debtOf(key);
      if (debt.records === 0) debts.delete(key);
      const used = debt.records + reserved;
      if (used < debt.perSecond * BURST_SECONDS) return true;
      debt.perSecond = allowanceWith(perSecond, resOf(key));
      return used < debt.perSecond * BURST_SECONDS;
    },
    spend: (key, records) => {
      const debt = debtOf(key);
      debt.records += records;
      // To the end of the order, so that the first one is the one that was quiet for longest.
      debts.delete(key);
      debts.set(key, debt);
      const [oldest] = debts.size > KEYS_MAX ? debts.keys() : [];
      if (oldest !== undefined) debts.delete(oldest);
    },
    keys: () => debts.size,
  };
}

/** `perSecond` × min(1 + RES/1 000, 2). */
export function allowanceWith(perSecond: number, res: bigint): number {
  const counted = res < RES_TO_DOUBLE ? res : RES_TO_DOUBLE;
  return Math.floor((perSecond * Number(RES_TO_DOUBLE + counted)) / Number(RES_TO_DOUBLE));
}
