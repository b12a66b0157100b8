import type { ChangePlan, PlannedPhase, PlannedStep } from "./change-plan.ts";
import { type Cell, columns, heading, type Look, paragraph, screen } from "./screen.ts";
import { durationText } from "./time-text.ts";

/** What would happen, in the order in which it would. */
export function planScreen(name: string, plan: ChangePlan, look: Look): string {
  return screen(
    [`${heading(`PLAN for ${name}`, look)}  ${whatText(plan)}`],
    plan.others.length === 0
      ? []
      : [heading("CHANGES THAT MOVE NO POD", look), ...plan.others.flatMap((line) => paragraph(line, look))],
    memberLines(plan, look),
    plan.first.length === 0 ? [] : [heading("FIRST", look), ...plan.first.flatMap((line) => paragraph(line, look))],
    plan.phases.length === 0
      ? []
      : [
          heading("PHASES", look),
          ...observerLines(plan, look),
          ...plan.phases.flatMap((phase) => phaseLines(phase, plan, look)),
        ],
    plan.phases.length === 0 ? [] : endLines(plan, look),
  );
}

function whatText(plan: ChangePlan): string {
  const { kind, difference, to, phases } = plan;
  switch (kind) {
    case "Nothing":
      return plan.members.join.length + plan.members.leave.length === 0
        ? "no pod would change"
        : "no validator changes its release";
    case "UnderWay":
      return `nothing new: ${to} is the active rollout's`;
    case "FirstDeployment":
      return `first deployment: ${difference}`;
    default:
      return phases.length === 0 ? "back to what ran before; no rollout of its own" : `upgrade: ${difference}`;
  }
}

function memberLines({ members: { join, leave } }: ChangePlan, look: Look): readonly string[] {
  if (join.length + leave.length === 0) return [];
  const named = (ids: readonly number[]) => `validator${ids.length === 1 ? "" : "s"} ${ids.join(", ")}`;
  const who = join.length > 0 ? `${named(join)} to join` : `${named(leave)} to leave`;
  return [
    heading("MEMBERS", look),
    ...paragraph(`${who}, one at a time, while all are healthy and no rollout is active`, look),
  ];
}

function observerLines({ observeSeconds, to }: ChangePlan, look: Look): readonly string[] {
  if (observeSeconds === 0) return [];
  const what = `an observer on ${to} follows the network for ${observeSeconds} s; other results, a crash or no start end it with no validator moved`;
  return [`  phase 0  no validator yet`, ...paragraph(what, look, 4)];
}

function phaseLines(phase: PlannedPhase, plan: ChangePlan, look: Look): readonly string[] {
  const { number, percent, count, steps, soakSeconds } = phase;
  const title = `  phase ${number}  ${percent} %: ${count} of ${plan.total} validators on ${plan.to}`;
  if (phase.skipped) return [`  phase ${number}  ${percent} %: skipped, it adds no validator`];
  return [
    title,
    ...(plan.totalWeight > 0
      ? columns(
          steps.map((step) => stepRow(step, plan)),
          look,
          4,
        )
      : [`    start validator ${steps.map(({ validator }) => validator).join(", ")}`]),
    ...(soakSeconds === 0 ? [] : [`    watched for ${soakSeconds} s under the service levels`]),
    ...(phase.gate ? ["    gate: waits, for as long as it takes, for kubectl hmn rollout promote"] : []),
  ];
}

function stepRow(step: PlannedStep, { totalWeight }: ChangePlan): readonly Cell[] {
  const needed = Math.floor((2 * totalWeight) / 3) + 1;
  const leaves = `leaves weight ${step.leaves} of ${totalWeight}, ${needed} is a quorum`;
  const text =
    step.closed !== undefined
      ? `${leaves}; AS THINGS STAND IT WAITS: ${step.closed}`
      : step.votes || totalWeight === 0
        ? leaves
        : "takes no weight away: it does not vote now";
  return [`move validator ${step.validator}`, step.closed === undefined ? text : { text, style: "red" }];
}

function endLines({ kind, phases, atLeast }: ChangePlan, look: Look): readonly string[] {
  const last = phases.at(-1)?.number ?? 1;
  const gates = phases.filter((phase) => phase.gate).length;
  const time = `Takes at least ${durationText(atLeast)}, and each validator's restart${gates === 0 ? "" : `, and as long as ${gates === 1 ? "the gate stays" : "the gates stay"} closed`}.`;
  const back =
    kind === "FirstDeployment"
      ? "There is nothing to go back to: if it fails it is held, with its volumes, until the cause is mended or the spec changes."
      : `Going back: by itself when a level breaks, or by kubectl hmn rollout abort, until phase ${last} has passed; afterwards by setting version and image back, which is an upgrade of its own.`;
  const order =
    kind === "FirstDeployment"
      ? []
      : paragraph(
          "Who votes and who is lightest is looked at again before each move: what changes until then changes the order.",
          look,
          0,
        );
  return [...paragraph(time, look, 0), ...order, ...paragraph(back, look, 0)];
}
