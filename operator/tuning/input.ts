import type { Millis } from "../../node/base/units.ts";
import type { LevelFacts, TunedParameter, TuningSpec, TuningStatus } from "../api/tuning.ts";

/** Ĉ of one measured epoch. */
export type EpochCoherence = { readonly epoch: number; readonly coherencePpm: number };

/** A parameter as the chain has it. */
export type ParameterState = {
  readonly value: number;
  /** Ordered, and waits for the end of an epoch. */
  readonly pending: number | undefined;
  readonly changedAt: Millis | undefined;
};

export type TuningInput = {
  readonly now: Millis;
  readonly spec: TuningSpec;
  /** As recorded; undefined: nothing yet. */
  readonly before: TuningStatus | undefined;
  /** What else goes on, in words: nothing is tried, and a trial under way cannot be judged and is taken back. */
  readonly disturbance: string | undefined;
  /** What keeps a new trial from beginning, and disturbs none. */
  readonly hold: string | undefined;
  /** Orders may be given at all. */
  readonly paused: boolean;
  /** The epoch under way. */
  readonly epoch: number;
  /** What was measured, ascending, as far as it is remembered. */
  readonly measured: readonly EpochCoherence[];
  readonly parameters: ReadonlyMap<TunedParameter, ParameterState>;
  /** Service levels since a time, and which of them are broken now, in words. */
  readonly levelsSince: (from: Millis) => LevelFacts;
  readonly broken: string | undefined;
  /** Release and number of validators. */
  readonly subject: string;
};

/** What is to be recorded, and what to order on the strength of it: at most one change of one parameter. */
export type Tuned = {
  readonly status: TuningStatus | undefined;
  readonly order?: { readonly parameter: TunedParameter; readonly value: number };
};
