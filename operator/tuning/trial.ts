import { unreachable } from "../../node/base/assert.ts";
import { type Millis, millis, seconds } from "../../node/base/units.ts";
import { TRIALS_KEPT, type Trial, type TrialOutcome, type TuningStatus } from "../api/tuning.ts";
import { elapsed, timeOf, timeText } from "../rollout/time.ts";
import { rose, worsened } from "./compare.ts";
import type { ParameterState, Tuned, TuningInput } from "./input.ts";
import { cooldownOf, knobsOf } from "./knobs.ts";
import { collecting, inState, isOurs, withAdvice } from "./statement.ts";
import { afterTrial } from "./steps.ts";

/** An order that no block has executed after this time is given again. */
const AGAIN = seconds(15);
/** An order that was handed over may still be executed within this time (its batch expires; clocks differ). */
const IN_FLIGHT = seconds(90);

type Under = {
  readonly input: TuningInput;
  readonly status: TuningStatus;
  readonly trial: Trial;
  readonly state: ParameterState;
};

/** One look at a step under way. */
export function moveTrial(input: TuningInput, status: TuningStatus, trial: Trial): Tuned {
  if (input.spec.mode === "Off" && trial.orderedAt === undefined) return { status: undefined };
  const state = input.parameters.get(trial.parameter);
  // Nobody can be asked: nothing is known, and nothing is done.
  if (state === undefined) return { status };
  const under: Under = { input, status, trial, state };
  switch (trial.step) {
    case "Proposed":
      return proposed(under);
    case "Observing":
      return observing(under);
    case "TakingBack":
      return takingBack(under);
    default:
      return unreachable(trial.step);
  }
}

function proposed(under: Under): Tuned {
  const { input, trial, state } = under;
  const against = unwanted(input, trial);
  if (state.value === trial.to)
    return against === undefined ? told(under, inForce(input, trial, "Observing")) : backwards(under, against, false);
  if (state.value !== trial.from)
    return ended(under, "Superseded", `it became ${state.value} by somebody else's order`);
  if (against === undefined) return order(under, trial.to);
  // What may still be executed has to be waited for, and then taken back.
  return trial.orderedAt === undefined ? dropped(under) : backwards(under, against, false);
}

function observing(under: Under): Tuned {
  const { input, trial, state } = under;
  const { spec, measured } = input;
  if (state.value !== trial.to) return ended(under, "Superseded", `it became ${state.value} by somebody else's order`);
  const against = unwanted(input, trial);
  if (against !== undefined) return backwards(under, against, false);
  if (input.broken !== undefined) return backwards(under, `a service level is broken: ${input.broken}`, true);
  const after = measured.filter(({ epoch }) => epoch >= trial.epoch).map(({ coherencePpm }) => coherencePpm);
  if (after.length < Math.max(spec.observationEpochs, trial.coherencePpm.length)) return told(under, trial);
  const worse = worsened(trial.levels, input.levelsSince(timeOf(trial.since) ?? input.now));
  if (worse !== undefined) return backwards(under, worse, true);
  const [was, is] = [mean(trial.coherencePpm), mean(after)];
  const change = `coherence went from ${was} to ${is} ppm in ${after.length} epochs`;
  return rose(trial.coherencePpm, after)
    ? ended(under, "Kept", change)
    : backwards(under, `${change}: no rise beyond chance`, true);
}

function takingBack(under: Under): Tuned {
  const { input, trial, state } = under;
  const { now } = input;
  if (state.value !== trial.from && state.value !== trial.to)
    return ended(under, "Superseded", `it became ${state.value} by somebody else's order`);
  if (state.value === trial.to)
    return trial.epoch === 0 ? told(under, inForce(input, trial, "TakingBack")) : order(under, trial.from);
  if (state.pending !== undefined) return told(under, trial);
  if (trial.epoch > 0) return ended(under, "TakenBack", trial.reason);
  return elapsed(now, trial.orderedAt) < IN_FLIGHT ? told(under, trial) : dropped(under);
}

/** The value that is tried is in force: from the next epoch on all that is measured is measured under it. */
const inForce = ({ now, epoch }: TuningInput, trial: Trial, step: Trial["step"]): Trial => ({
  ...{ ...trial, step, since: timeText(now), epoch: epoch + 1 },
});

/** Why a trial must not go on, whatever it brought. */
function unwanted({ spec, disturbance, subject, before }: TuningInput, { parameter }: Trial): string | undefined {
  if (spec.mode === "Off") return "spec.tuning.mode is Off";
  if (!knobsOf(spec).some((knob) => knob.parameter === parameter)) return "spec.tuning leaves it alone by now";
  if (before?.subject !== subject) return "the release or the number of validators changed";
  return disturbance;
}

/** Orders a value where that is the operator's to do, the record of it first; again while no block shows it. */
function order(under: Under, value: number): Tuned {
  const { input, trial, state } = under;
  const { now, spec, paused } = input;
  const cooling = state.changedAt !== undefined && now < state.changedAt + cooldownOf(trial.parameter);
  const given = trial.orderedAt !== undefined && elapsed(now, trial.orderedAt) < AGAIN;
  if (!isOurs(spec, trial) || paused || cooling || given || state.pending !== undefined) return told(under, trial);
  return { ...told(under, { ...trial, orderedAt: timeText(now) }), order: { parameter: trial.parameter, value } };
}

const told = ({ input, status }: Under, trial: Trial): Tuned => ({
  status: withAdvice({ ...status, trial }, input.spec),
});

const backwards = (under: Under, reason: string, blamed: boolean): Tuned => {
  const since = timeText(under.input.now);
  return told(under, { ...under.trial, step: "TakingBack", since, reason: reason.slice(0, 300), blamed });
};

/** It never came into force: as if it had not been thought of. */
function dropped({ input, status }: Under): Tuned {
  const { trial: _, recommendation: __, ...rest } = status;
  return { status: measuredAnew(rest, input) };
}

function ended(under: Under, outcome: TrialOutcome["outcome"], message: string): Tuned {
  const { input, status, trial } = under;
  const { now, spec } = input;
  const { parameter, from, to } = trial;
  const knob = knobsOf(spec).find((one) => one.parameter === parameter);
  const restUntil: Millis = millis(now + seconds(spec.cooldownSeconds));
  const { trial: _, recommendation: __, ...rest } = status;
  const entry: TrialOutcome = { time: timeText(now), parameter, from, to, outcome, message: message.slice(0, 300) };
  return {
    status: measuredAnew(
      {
        ...rest,
        steps: status.steps.map((own) =>
          own.parameter === parameter ? afterTrial(own, outcome === "TakenBack" && trial.blamed, knob, restUntil) : own,
        ),
        history: [...status.history, entry].slice(-TRIALS_KEPT),
      },
      input,
    ),
  };
}

const measuredAnew = (status: TuningStatus, { now, epoch, spec }: TuningInput): TuningStatus => ({
  ...inState({ ...status, state: "Trying" }, now, "Measuring", collecting(spec)),
  fromEpoch: epoch + 1,
});

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : Math.round(values.reduce((sum, value) => sum + value, 0) / values.length);
