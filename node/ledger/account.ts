import type { Hex } from "../base/bytes.ts";
import type { Nanos } from "../base/units.ts";

/** One account of the double-entry ledger, as it stood when it was asked for. */
export type Account = {
  readonly id: bigint;
  /** Key whose signature debits it; undefined for the accounts that only the system moves. */
  readonly owner: Hex | undefined;
  readonly ledger: number;
  readonly code: number;
  readonly flags: number;
  readonly userData128: bigint;
  readonly userData64: bigint;
  readonly userData32: number;
  /** Block time of its creation. */
  readonly createdAt: Nanos;
  readonly debitsPending: bigint;
  readonly debitsPosted: bigint;
  readonly creditsPending: bigint;
  readonly creditsPosted: bigint;
};

export const has = (flags: number, flag: number): boolean => (flags & flag) !== 0;

/** An account without movements; user data that is not named is zero. */
export const newAccount = (
  fields: Pick<Account, "id" | "owner" | "ledger" | "code" | "flags" | "createdAt"> &
    Partial<Pick<Account, "userData128" | "userData64" | "userData32">>,
): Account => ({
  userData128: 0n,
  userData64: 0n,
  userData32: 0,
  ...fields,
  debitsPending: 0n,
  debitsPosted: 0n,
  creditsPending: 0n,
  creditsPosted: 0n,
});
