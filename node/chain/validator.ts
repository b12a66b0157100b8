import type { Hex } from "../base/bytes.ts";
import type { Nanos } from "../base/units.ts";
import { OMEGA_NEWCOMER, type Omega } from "../cal/omega.ts";
import type { Offence } from "./types.ts";

/** Stake stays slashable for 7 days of block time after it was taken out (domain.md, "Tokens"). */
export const UNBONDING_NS = 7n * 86_400_000_000_000n;
export const UNBONDINGS_MAX = 16;
export const JAIL_NS = 86_400_000_000_000n;

/** Everything that the chain knows of one validator. A value: changes make a new one. */
export type Validator = {
  /** Never used for another one. */
  readonly id: number;
  /** Signs bond, unbond and leave; owns the five accounts of the system's making. */
  readonly ownerKey: Hex;
  readonly voteKey: Hex;
  /** In 10⁻⁶ ATR, like all stake. */
  readonly bond: bigint;
  readonly unbonding: readonly Unbonding[];
  /** Weight before the cap, in ppm; 0 outside the set. */
  readonly uncapped: number;
  /** When it was a member, and with which key; terms that nobody can be slashed for any more are forgotten. */
  readonly terms: readonly Term[];
  readonly join: Join | undefined;
  readonly replacement: KeyRequest | undefined;
  /** Place in the order of requests, if it wants to leave. */
  readonly leaves: number | undefined;
  /** Place in the order of requests, if it comes back from jail. */
  readonly returns: number | undefined;
  /** The authority lets it go although fewer than four remain. */
  readonly released: boolean;
  readonly jail: Jail | undefined;
  /** Epochs in which it offended: each one counts once (domain.md: one offence). */
  readonly offenceEpochs: readonly number[];
  /** What was proved, of the newest epochs: older epochs are told by `offenceEpochs` alone. */
  readonly offences: readonly Omit<Offence, "validator">[];
  /** Newest state version that its release can run. */
  readonly announced: number;
  /** As last measured, and kept as long as its terms are: coming back washes nothing. */
  readonly omega: Omega;
  /** Ψ, with it. */
  readonly psiPpm: number;
};

export type Unbonding = { readonly amount: bigint; readonly releaseAt: Nanos };

export type Term = {
  readonly key: Hex;
  /** Epochs, both included; no last one while it is going on. */
  readonly first: number;
  readonly last: number | undefined;
  /** Block time at which it ended; 0 while it is going on. */
  readonly endedAt: Nanos;
};

export type KeyRequest = {
  readonly order: number;
  readonly voteKey: Hex;
  /** Members that agree, by id ascending. */
  readonly approvals: readonly number[];
};

export type Join = KeyRequest & { readonly caughtUp: boolean };

/** `due`: it still votes, until a boundary takes it out. Back into the set only those whom the jail took out. */
export type Jail =
  | { readonly type: "due" }
  | { readonly type: "until"; readonly time: Nanos; readonly wasMember: boolean }
  | { readonly type: "final" };

export const stakeOf = ({ bond, unbonding }: Validator): bigint =>
  unbonding.reduce((sum, { amount }) => sum + amount, bond);

/** What later validators start with; Ψ of a half everywhere beside flawless others: A = 0.25 (domain.md, "CAL"). */
export const NEWCOMER = { omega: OMEGA_NEWCOMER, psiPpm: 0 } as const;

export const newValidator = (
  fields: Pick<Validator, "id" | "ownerKey" | "voteKey" | "bond" | "announced"> &
    Partial<Pick<Validator, "omega" | "psiPpm">>,
): Validator => ({
  unbonding: [],
  uncapped: 0,
  terms: [],
  join: undefined,
  replacement: undefined,
  leaves: undefined,
  returns: undefined,
  released: false,
  jail: undefined,
  offenceEpochs: [],
  offences: [],
  ...NEWCOMER,
  ...fields,
});
