import { type Millis, millis, seconds } from "../../node/base/units.ts";
import type { TuningStatus } from "../api/tuning.ts";
import { timeOf, timeText } from "../rollout/time.ts";
import type { ParameterState } from "./input.ts";
import type { Knob } from "./knobs.ts";

type Steps = TuningStatus["steps"];
type OwnStep = Steps[number];

/** Where to, and the direction as it is recorded: it turns at a bound. */
export type Step = { readonly to: number; readonly now: OwnStep };

/** A step that was taken back makes the next one a tenth smaller (domain.md, "λ(t)"). */
const SHRINK = 0.9;
/** Below this share of the first step a parameter has settled. */
const SETTLED = 0.05;
/** Clocks of chain and operator may be apart by this. */
const SKEW = seconds(5);

/** What is recorded of each parameter that is tuned: full steps, upwards, for one that is new. */
export const stepsOf = (knobs: readonly Knob[], known: Steps): Steps =>
  knobs.map(({ parameter, step }) => {
    const own = known.find((one) => one.parameter === parameter);
    if (own === undefined) return { parameter, stepPpm: step, direction: "Up" };
    return own.stepPpm > step ? { ...own, stepPpm: step } : own;
  });

/** The next step within the bounds, or why there is none now. */
export function nextStep(
  knob: Knob,
  own: OwnStep,
  { value, pending, changedAt }: ParameterState,
  now: Millis,
): Step | string {
  const { min, max } = knob;
  if (own.stepPpm === 0) return "has settled: smaller steps are not worth a trial";
  if (value < min || value > max) return `is ${value}, outside of the bounds of spec.tuning: it is left alone`;
  if (pending !== undefined) return "is being changed";
  if ((timeOf(own.restUntil) ?? 0) > now) return `rests until ${own.restUntil}`;
  const again = millis((changedAt ?? 0) + knob.cooldown + SKEW);
  if (changedAt !== undefined && now < again) return `may change again at ${timeText(again)}`;
  const least = SETTLED * knob.step;
  const towards = (direction: OwnStep["direction"]): number =>
    direction === "Up" ? Math.min(max, value + own.stepPpm) : Math.max(min, value - own.stepPpm);
  for (const direction of [own.direction, opposite(own.direction)]) {
    const to = towards(direction);
    if (Math.abs(to - value) >= least) return { to, now: { ...own, direction } };
  }
  return "has no room between its bounds";
}

/** After a trial: the next step goes on that way; after one that was found wanting the other way, a tenth smaller. */
export function afterTrial(own: OwnStep, wrong: boolean, knob: Knob | undefined, restUntil: Millis): OwnStep {
  const rested = { ...own, restUntil: timeText(restUntil) };
  if (!wrong) return rested;
  const smaller = Math.floor(SHRINK * own.stepPpm);
  const stepPpm = knob !== undefined && smaller < SETTLED * knob.step ? 0 : smaller;
  return { ...rested, stepPpm, direction: opposite(own.direction) };
}

const opposite = (direction: OwnStep["direction"]): OwnStep["direction"] => (direction === "Up" ? "Down" : "Up");
