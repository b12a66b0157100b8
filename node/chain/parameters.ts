import { type NetworkParameter, networkParameters, PARAMETER_NUMBERS } from "../api/contract.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import type { Nanos } from "../base/units.ts";
import { sha256 } from "../codec/hash.ts";
import { MalformedBytes, type Reader } from "../codec/reader.ts";
import { type Writer, writer } from "../codec/writer.ts";
import { ACCOUNT_FEE } from "../ledger/tokens.ts";
import type { GovernanceCode } from "./governance-codes.ts";

/** The state version whose rules this release runs up to; older ones too. */
export const STATE_VERSION_MAX = 1;

export type Parameters = Readonly<Record<NetworkParameter, bigint>>;

/** A change that the authority ordered and that waits for an epoch boundary. */
export type ParameterChange = { readonly name: NetworkParameter; readonly value: bigint; readonly serial: bigint };

export type ParameterState = {
  readonly values: Parameters;
  /** One for each parameter at most, in the order of the orders. */
  readonly pending: readonly ParameterChange[];
  /** When each took its value; missing: genesis. */
  readonly changedAt: ReadonlyMap<NetworkParameter, Nanos>;
};

type Rule = {
  readonly initial: bigint;
  readonly min: bigint;
  readonly max: bigint;
  /** Largest change at once, from the value in force. */
  readonly step: (value: bigint) => bigint;
  /** Least block time between two changes. */
  readonly cooldownNs: bigint;
  readonly onlyUp?: true;
};

const half = (value: bigint): bigint => (value < 2n ? 1n : value / 2n);
const MINUTE = 60_000_000_000n;
const HOUR = 60n * MINUTE;
const MEBIBYTE = 1n << 20n;

/** Hard bounds: no signature of the authority goes past them (domain.md, "Genesis"). The quorum rule, caps and issuance have no parameter. */
const RULES: Readonly<Record<NetworkParameter, Rule>> = {
  epochLengthMs: { initial: 60_000n, min: 10_000n, max: 3_600_000n, step: half, cooldownNs: HOUR },
  psiSharePpm: { initial: 400_000n, min: 0n, max: 400_000n, step: () => 50_000n, cooldownNs: 24n * HOUR },
  minimumBond: { initial: 10n ** 6n, min: 10n ** 6n, max: 10n ** 11n, step: half, cooldownNs: 24n * HOUR },
  accountFee: { initial: ACCOUNT_FEE, min: 1n, max: 10n ** 9n, step: half, cooldownNs: HOUR },
  checkpointIntervalMs: { initial: 10_000n, min: 1_000n, max: 60_000n, step: half, cooldownNs: HOUR },
  emptyBlockMs: { initial: 1_000n, min: 100n, max: 10_000n, step: half, cooldownNs: HOUR },
  blockBatchBytes: {
    initial: 16n * MEBIBYTE,
    min: 2n * MEBIBYTE,
    max: 16n * MEBIBYTE,
    step: half,
    cooldownNs: HOUR,
  },
  stateVersion: { initial: 1n, min: 1n, max: 0xffff_ffffn, step: () => 1n, cooldownNs: 0n, onlyUp: true },
  attunementPpm: {
    initial: 1_000_000n,
    min: 800_000n,
    max: 1_200_000n,
    step: () => 20_000n,
    // What a step brings is measured two epochs on: whoever tunes waits for that by itself.
    cooldownNs: MINUTE,
  },
};

export const parameterNumber = (name: NetworkParameter): number => PARAMETER_NUMBERS[name];
export const parameterOf = (number: number): NetworkParameter | undefined =>
  networkParameters.find((name) => parameterNumber(name) === number);

/** Values of a genesis file over the defaults; a refusal names the parameter and its bounds. */
export function initialParameters(
  given: Readonly<Partial<Record<NetworkParameter, number | undefined>>>,
): Result<Parameters> {
  const values: Partial<Record<NetworkParameter, bigint>> = {};
  for (const name of networkParameters) {
    const value = given[name];
    if (value !== undefined && !Number.isSafeInteger(value))
      return refuse("genesis_parameter", `${name} ${value} is no whole number`);
    values[name] = value === undefined ? RULES[name].initial : BigInt(value);
    const fault = boundsFault(name, values[name]);
    if (fault !== undefined) return refuse("genesis_parameter", fault);
  }
  return accept(values as Parameters);
}

/** Takes an order of the authority; it waits for the next boundary whose E has executed it. */
export function orderChange(
  state: ParameterState,
  { name, value, serial, time }: ParameterChange & { readonly time: Nanos },
): Result<ParameterState, GovernanceCode> {
  const rule = RULES[name];
  const now = state.values[name];
  if (state.pending.some((change) => change.name === name)) return refuse("parameter_change_pending");
  if (boundsFault(name, value) !== undefined) return refuse("parameter_out_of_bounds");
  if (value === now) return refuse("parameter_unchanged");
  const step = value > now ? value - now : now - value;
  if (step > rule.step(now) || (rule.onlyUp && value < now)) return refuse("parameter_step_too_large");
  const changedAt = state.changedAt.get(name);
  if (changedAt !== undefined && time < changedAt + rule.cooldownNs) return refuse("parameter_cooldown");
  return accept({ ...state, pending: [...state.pending, { name, value, serial }] });
}

/** The state once these changes are in force. Those that were ordered meanwhile go on waiting. */
export function applyChanges(state: ParameterState, changes: readonly ParameterChange[], time: Nanos): ParameterState {
  if (changes.length === 0) return state;
  const serials = new Set(changes.map(({ serial }) => serial));
  return {
    values: valuesAfter(state.values, changes),
    pending: state.pending.filter(({ serial }) => !serials.has(serial)),
    changedAt: new Map([...state.changedAt, ...changes.map(({ name }) => [name, time] as const)]),
  };
}

export const valuesAfter = (values: Parameters, changes: readonly ParameterChange[]): Parameters => ({
  ...values,
  ...Object.fromEntries(changes.map(({ name, value }) => [name, value])),
});

/** A parameter as anybody may look at it: its value, and what the authority may make of it. */
export type ParameterView = {
  readonly name: NetworkParameter;
  readonly value: bigint;
  /** Takes effect at the next boundary whose E has executed the order; a state version once all members have announced it. */
  readonly pending?: bigint;
  readonly min: bigint;
  readonly max: bigint;
  /** Largest change at once, from the value in force. */
  readonly stepMax: bigint;
  readonly cooldownNs: bigint;
  /** Block time of the last change; missing: genesis. */
  readonly changedAt?: Nanos;
};

/** All of them, by name as the contract lists them. */
export const parameterViews = ({ values, pending, changedAt }: ParameterState): readonly ParameterView[] =>
  networkParameters.map((name) => {
    const { min, max, step, cooldownNs } = RULES[name];
    const value = values[name];
    const waiting = pending.find((change) => change.name === name);
    const changed = changedAt.get(name);
    return {
      ...{ name, value, min, max, stepMax: step(value), cooldownNs },
      ...(waiting === undefined ? {} : { pending: waiting.value }),
      ...(changed === undefined ? {} : { changedAt: changed }),
    };
  });

/** What stands for the parameters in the hash that a closing block names. */
export function parametersHash(values: Parameters): Uint8Array {
  return sha256(writeParameters(writer().text("hmn parameters 1"), values).done());
}

/** By the parameters' numbers ascending. */
export function writeParameters(to: Writer, values: Parameters): Writer {
  const names = networkParameters.toSorted((a, b) => parameterNumber(a) - parameterNumber(b));
  to.u32(names.length);
  for (const name of names) to.u32(parameterNumber(name)).u64(values[name]);
  return to;
}

/** What `writeParameters` wrote. */
export function readParameters(from: Reader): Parameters {
  const values: Partial<Record<NetworkParameter, bigint>> = {};
  for (let left = from.count(networkParameters.length); left > 0; left--) {
    const name = parameterOf(from.u32());
    if (name === undefined || name in values) throw new MalformedBytes("a parameter of another release");
    values[name] = from.u64();
  }
  if (networkParameters.some((name) => !(name in values))) throw new MalformedBytes("a parameter is missing");
  return values as Parameters;
}

function boundsFault(name: NetworkParameter, value: bigint): string | undefined {
  const { min, max } = RULES[name];
  return value >= min && value <= max ? undefined : `${name} ${value} is not between ${min} and ${max}`;
}
