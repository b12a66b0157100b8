import type { TuningStatus } from "../api/tuning.ts";
import { type Cell, columns, heading, type Look, paragraph } from "./screen.ts";
import { agoText } from "./time-text.ts";

const ENDED_SHOWN = 3;

/** What the tuner does, and how its last steps ended; nothing while tuning is off. */
export function tuningLines(tuning: TuningStatus | undefined, look: Look): readonly string[] {
  if (tuning === undefined) return [];
  const { state, message, since, trial, recommendation, resources, history } = tuning;
  const doing =
    trial === undefined
      ? message
      : `${trial.parameter} ${trial.from} -> ${trial.to}: ${trial.step}${trial.reason === "" ? "" : `, ${trial.reason}`}`;
  const ended = history.slice(-ENDED_SHOWN).toReversed();
  return [
    `${heading("TUNING", look)}  ${state} for ${agoText(since, look.now)}`,
    ...paragraph(doing, look),
    ...(recommendation === undefined
      ? []
      : paragraph(
          `recommended: ${recommendation.parameter} ${recommendation.value} (${recommendation.message})`,
          look,
        )),
    ...(resources === undefined ? [] : paragraph(`recommended: ${resources.message}`, look)),
    ...columns(
      ended.map(({ time, parameter, from, to, outcome, message: why }): Cell[] => [
        `${agoText(time, look.now)} ago`,
        { text: outcome, style: outcome === "Kept" ? "green" : "yellow" },
        `${parameter} ${from} -> ${to}: ${why}`,
      ]),
      look,
    ),
  ];
}
