import type { JudgedWindow, RolloutState } from "../api/rollout.ts";
import type { ClusterObject, RolloutObject } from "../observe/snapshot.ts";
import { isActive } from "../rollout/history.ts";
import { phaseCounts } from "../rollout/phases.ts";
import { timeOf } from "../rollout/time.ts";
import { type Cell, columns, heading, type Look, paragraph, type Style, screen } from "./screen.ts";
import { agoText, clockText, durationText } from "./time-text.ts";

const WINDOWS_SHOWN = 10;
const TIMELINE_SHOWN = 60;
/** Cells of a bar; beyond, one cell stands for several validators. */
const BAR_CELLS = 40;

export const styleOfState = (state: RolloutState | undefined): Style => {
  if (state === "Succeeded") return "green";
  return state === "RolledBack" || state === "RollingBack" || state === "Failed" ? "red" : "yellow";
};
const styleOfVerdict = (verdict: JudgedWindow["verdict"]): Style =>
  verdict === "Pass" ? "green" : verdict === "Fail" ? "red" : "yellow";

/** `1.0.0 -> 1.1.0`, or what a first deployment brings. */
export const changeText = ({ spec }: RolloutObject): string =>
  spec.kind === "FirstDeployment"
    ? `first deployment of ${spec.to.version}`
    : `${spec.from.version} -> ${spec.to.version}`;

/** All rollouts of a namespace, newest first within each cluster. */
export function rolloutList(rollouts: readonly RolloutObject[], look: Look): string {
  const rows = rollouts.map(({ metadata, spec, status }): Cell[] => [
    metadata.name,
    spec.from.version || "-",
    spec.to.version,
    { text: stateText(status), style: styleOfState(status.state) },
    `${status.phase ?? 0}/${spec.phases.length}`,
    String((status.moved ?? []).length),
    clockText(status.startTime, look.now),
    status.completionTime === undefined
      ? ""
      : durationText((timeOf(status.completionTime) ?? 0) - (timeOf(status.startTime) ?? 0)),
    status.rollbackCause ?? "",
  ]);
  return screen(
    columns([["NAME", "FROM", "TO", "STATE", "PHASE", "MOVED", "STARTED", "TOOK", "WHY BACK"], ...rows], look, 0),
  );
}

const stateText = (status: RolloutObject["status"]): string =>
  status.state === "Paused" && (status.pauseReason ?? "") !== ""
    ? `Paused by ${status.pauseReason}`
    : (status.state ?? "New");

/** One rollout: phases, windows, what happened, who said so. */
export function rolloutScreen(rollout: RolloutObject, cluster: ClusterObject, look: Look): string {
  const { status } = rollout;
  const timeline = status.timeline ?? [];
  const shown = timeline.slice(-TIMELINE_SHOWN);
  const approvals = status.approvals ?? [];
  return screen(
    rolloutLines(rollout, cluster, look),
    (status.rollbackReason ?? "") === ""
      ? []
      : [
          heading("WENT BACK", look),
          ...paragraph(`${status.rollbackCause}: ${status.rollbackReason}`, look),
          `  kubectl hmn incident ${rollout.metadata.name} -n ${rollout.metadata.namespace}`,
        ],
    windowLines(status.windows ?? [], WINDOWS_SHOWN, look),
    timeline.length === 0
      ? []
      : [
          heading(
            `TIMELINE${shown.length < timeline.length ? ` (the last ${shown.length} of ${timeline.length})` : ""}`,
            look,
          ),
          ...columns(
            shown.map(({ time, event, message }) => [clockText(time, look.now), event, message]),
            look,
          ),
        ],
    approvals.length === 0
      ? []
      : [
          heading("APPROVALS", look),
          ...columns(
            approvals.map(({ time, action, username, name }) => [
              clockText(time, look.now),
              action,
              `by ${username} (${name})`,
            ]),
            look,
          ),
        ],
  );
}

/** The part of a rollout that fits a status screen: what it is, its bar, its phases. */
export function rolloutLines(rollout: RolloutObject, cluster: ClusterObject, look: Look): readonly string[] {
  const { status, spec, metadata } = rollout;
  const total = cluster.spec.validators.replicas;
  const counts = phaseCounts(spec.phases, total);
  const state = stateText(status);
  const since = isActive(status)
    ? `for ${agoText(status.since, look.now)}`
    : `at ${clockText(status.completionTime, look.now)}`;
  return [
    `${heading(`ROLLOUT ${metadata.name}`, look)}  ${changeText(rollout)}  ${look.paint(styleOfState(status.state), state)} ${since}`,
    `  [${bar(counts, (status.moved ?? []).length, total)}] ${(status.moved ?? []).length} of ${total} validators moved to ${spec.to.version}`,
    ...columns(
      [...observerRow(rollout, look), ...counts.map((_, index) => phaseRow(rollout, counts, index, look))],
      look,
    ),
  ];
}

/** `#` moved, `.` to come, `|` the end of a phase. */
function bar(counts: readonly number[], moved: number, total: number): string {
  const cells = Math.min(total, BAR_CELLS);
  const ends = new Set(counts.slice(0, -1).map((count) => Math.round((count * cells) / total)));
  const filled = Math.floor((moved * cells) / total);
  return Array.from({ length: cells }, (_, cell) => (ends.has(cell) ? "|" : "") + (cell < filled ? "#" : ".")).join("");
}

/** Phase 0, as far as it is known to have been: it stands in the timeline, or is the one that runs. */
function observerRow({ status }: RolloutObject, look: Look): readonly (readonly Cell[])[] {
  const began = (status.timeline ?? []).some(
    ({ event, message }) => event === "Started" && message.includes("observer"),
  );
  if (status.phase !== 0 && !began) return [];
  const before: readonly Cell[] = ["phase 0", "", "observer"];
  if (status.phase !== 0) return [[...before, { text: "passed", style: "green" }]];
  const follows =
    status.followsSince === undefined || !isActive(status)
      ? ""
      : `, follows for ${agoText(status.followsSince, look.now)}`;
  return [[...before, { text: `${stateText(status)}${follows}`, style: styleOfState(status.state) }]];
}

function phaseRow(rollout: RolloutObject, counts: readonly number[], index: number, look: Look): readonly Cell[] {
  const { status, spec } = rollout;
  const number = index + 1;
  const phase = spec.phases[index];
  const adds = (counts[index] ?? 0) - (counts[index - 1] ?? 0);
  const gate = phase?.gate === true ? ", then a gate" : "";
  const before: readonly Cell[] = [`phase ${number}`, `${phase?.percent} %`, adds === 0 ? "none more" : `+${adds}`];
  const ended = !isActive(status);
  const current = status.phase ?? 0;
  if (adds === 0) return [...before, { text: "skipped: it adds no validator", style: "dim" }];
  if (number < current || (ended && status.state === "Succeeded"))
    return [...before, { text: `passed${promotedBy(rollout, number)}`, style: "green" }];
  if (number > current)
    return [...before, { text: ended ? "not reached" : `to come, soak ${phase?.soakSeconds} s${gate}`, style: "dim" }];
  return [...before, { text: here(rollout, phase?.soakSeconds ?? 0, gate, look), style: styleOfState(status.state) }];
}

function promotedBy({ status }: RolloutObject, phase: number): string {
  const entry = (status.timeline ?? []).find(
    ({ event, message }) => event === "Promoted" && message.startsWith(`phase ${phase},`),
  );
  return entry === undefined ? "" : `, opened ${entry.message.slice(`phase ${phase}, `.length)}`;
}

function here({ status }: RolloutObject, soakSeconds: number, gate: string, look: Look): string {
  const state = stateText(status);
  if (status.state === "Soaking") return `Soaking: ${agoText(status.since, look.now)} of ${soakSeconds} s${gate}`;
  if (status.state === "AtGate") return "passed; its gate is closed: kubectl hmn rollout promote opens it";
  return `${state} for ${agoText(status.since, look.now)}${isActive(status) ? gate : ""}`;
}

/** The newest judged windows, oldest of them first. */
export function windowLines(windows: readonly JudgedWindow[], most: number, look: Look): readonly string[] {
  if (windows.length === 0) return [];
  const shown = windows.slice(-most);
  return [
    heading(`WINDOWS${shown.length < windows.length ? ` (the last ${shown.length} of ${windows.length})` : ""}`, look),
    ...columns(
      shown.map(({ time, phase, verdict, message }): Cell[] => [
        clockText(time, look.now),
        `phase ${phase}`,
        { text: verdict, style: styleOfVerdict(verdict) },
        message,
      ]),
      look,
    ),
  ];
}
