import { millis } from "../../node/base/units.ts";
import type { TuningStatus } from "../api/tuning.ts";
import { timeText } from "../rollout/time.ts";
import { drifts } from "./compare.ts";
import type { Tuned, TuningInput } from "./input.ts";
import { type Knob, knobsOf } from "./knobs.ts";
import { collecting, inState, withAdvice } from "./statement.ts";
import { nextStep, type Step, stepsOf } from "./steps.ts";
import { moveTrial } from "./trial.ts";

/** Nothing is left to gain above this, in millionths. */
const BEST_PPM = 999_000;

/**
 * The tuner: from measurements to at most one bounded step at a time (domain.md, "λ(t)", attunement). A step is kept only if
 * coherence rose by more than chance and no service level got worse, else it is taken back, and the next one is a tenth smaller.
 */
export function tune(input: TuningInput): Tuned {
  const { spec, before, now, epoch, disturbance } = input;
  if (before?.trial !== undefined) return moveTrial(input, before, before.trial);
  if (spec.mode === "Off") return { status: undefined };
  const status = fresh(input, before);
  if (disturbance !== undefined) return { status: inState(status, now, "Resting", disturbance) };
  if (status.state === "Resting")
    return { status: { ...inState(status, now, "Measuring", collecting(spec)), fromEpoch: epoch + 1 } };
  return { status: measuring(input, status) };
}

/** With another release or number of validators it is another hill. */
function fresh({ spec, now, epoch, subject }: TuningInput, before: TuningStatus | undefined): TuningStatus {
  const { recommendation: _, ...kept } = before ?? {
    ...({ state: "Measuring", message: collecting(spec), since: timeText(now) } as const),
    ...{ fromEpoch: epoch + 1, subject, steps: [], history: [] },
  };
  return { ...kept, subject, steps: [...stepsOf(knobsOf(spec), kept.subject === subject ? kept.steps : [])] };
}

function measuring(input: TuningInput, status: TuningStatus): TuningStatus {
  const { spec, now, hold, broken, measured } = input;
  const wait = (message: string): TuningStatus => inState(status, now, "Measuring", message);
  const recent = measured.filter(({ epoch }) => epoch >= status.fromEpoch).slice(-spec.observationEpochs);
  const coherencePpm = recent.map((one) => one.coherencePpm);
  if (coherencePpm.length < spec.observationEpochs) return wait(collecting(spec));
  if (broken !== undefined) return wait(`a service level is not met: ${broken}`);
  if (coherencePpm.every((value) => value >= BEST_PPM)) return wait("coherence has nothing left to gain");
  if (drifts(coherencePpm)) return wait("coherence moves by itself: it has to settle first");
  if (hold !== undefined) return wait(hold);
  const chosen = choose(input, status);
  if (typeof chosen === "string") return wait(chosen);
  const { knob, from, step } = chosen;
  return withAdvice(
    {
      ...inState(status, now, "Trying", `a step of ${knob.parameter}`),
      steps: status.steps.map((one) => (one.parameter === knob.parameter ? step.now : one)),
      trial: {
        ...{
          parameter: knob.parameter,
          from,
          to: step.to,
          step: "Proposed",
          since: timeText(now),
          epoch: 0,
          reason: "",
          blamed: false,
        },
        ...{ coherencePpm: [...coherencePpm], levels: input.levelsSince(millis(Date.parse(status.since))) },
      },
    },
    spec,
  );
}

type Chosen = { readonly knob: Knob; readonly from: number; readonly step: Step };

/** The parameter that has rested longest among those that may move now; or why none does. */
function choose({ spec, now, parameters }: TuningInput, { steps }: TuningStatus): Chosen | string {
  const reasons: string[] = [];
  const able = knobsOf(spec).flatMap((knob): readonly (Chosen & { readonly rested: string })[] => {
    const state = parameters.get(knob.parameter);
    const own = steps.find(({ parameter }) => parameter === knob.parameter);
    if (state === undefined || own === undefined) return [];
    const step = nextStep(knob, own, state, now);
    if (typeof step !== "string") return [{ knob, from: state.value, step, rested: own.restUntil ?? "" }];
    reasons.push(`${knob.parameter} ${step}`);
    return [];
  });
  const [first] = able.toSorted((a, b) => (a.rested < b.rested ? -1 : a.rested > b.rested ? 1 : 0));
  return (
    first ??
    (reasons.length === 0 ? "the nodes do not tell their parameters: they need a newer release" : reasons.join("; "))
  );
}
