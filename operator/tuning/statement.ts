import type { Millis } from "../../node/base/units.ts";
import type { Trial, TuningSpec, TuningStatus } from "../api/tuning.ts";
import { timeText } from "../rollout/time.ts";

export const collecting = ({ observationEpochs }: TuningSpec): string =>
  `${observationEpochs} undisturbed epochs are measured before a step`;

/** The same state keeps its time. */
export function inState(
  status: TuningStatus,
  now: Millis,
  state: TuningStatus["state"],
  message: string,
): TuningStatus {
  const since = status.state === state ? status.since : timeText(now);
  return { ...status, state, message: message.slice(0, 300), since };
}

/** Whether the next order is the operator's to give; what it has changed it takes back in every mode. */
export const isOurs = ({ mode }: TuningSpec, { step, orderedAt }: Trial): boolean =>
  mode === "Auto" || (step === "TakingBack" && orderedAt !== undefined);

/** What the operator would order, where somebody else has to. */
export function withAdvice(status: TuningStatus, spec: TuningSpec): TuningStatus {
  const { recommendation: _, ...rest } = status;
  const { trial } = status;
  if (trial === undefined || trial.step === "Observing" || isOurs(spec, trial)) return rest;
  const { parameter, from, to, step, reason } = trial;
  const advice =
    step === "Proposed"
      ? { value: to, message: `a trial: ${parameter} from ${from} to ${to}; it is judged once it is in force` }
      : { value: from, message: `take ${parameter} back from ${to} to ${from}: ${reason}`.slice(0, 300) };
  return { ...rest, recommendation: { parameter, ...advice } };
}
