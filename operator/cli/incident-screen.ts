import { unreachable } from "../../node/base/assert.ts";
import type { Incident } from "../api/rollout.ts";
import type { ClusterObject, RolloutObject } from "../observe/snapshot.ts";
import { timeOf } from "../rollout/time.ts";
import { changeText, windowLines } from "./rollout-screen.ts";
import { type Cell, columns, commandLine, heading, type Look, paragraph, screen } from "./screen.ts";
import { clockText, durationText } from "./time-text.ts";

/** The incident of a rolled-back rollout, as a report that can be passed on as it is. */
export function incidentScreen(
  { rollout, incident, cluster }: { rollout: RolloutObject; incident: Incident; cluster: ClusterObject },
  look: Look,
): string {
  const { metadata } = rollout;
  return screen(
    [
      `${heading(`INCIDENT of ${metadata.namespace}/${metadata.name}`, look)}  ${changeText(rollout)}  ${look.paint("red", incident.cause)}`,
      ...paragraph(incident.summary, look),
      ...columns(facts(rollout, incident, look), look),
    ],
    [heading("SUSPECTED", look), ...paragraph(incident.suspected, look)],
    windowLines(incident.windows, incident.windows.length, look),
    [heading("TIMELINE", look), ...columns(timeline(rollout, look), look)],
    logLines(incident, look),
    [heading("WHAT TO DO", look), ...advice(rollout, incident, cluster, look)],
  );
}

function facts(rollout: RolloutObject, incident: Incident, look: Look): readonly (readonly Cell[])[] {
  const detected = timeOf(incident.detectedAt);
  const resolved = timeOf(incident.resolvedAt);
  const ended =
    resolved === undefined
      ? { text: "not yet: validators are still going back", style: "red" as const }
      : `${clockText(incident.resolvedAt, look.now)}, ${durationText(resolved - (detected ?? resolved))} after the breach was found`;
  return [
    ["found", clockText(incident.detectedAt, look.now)],
    ["over", ended],
    ["ran it", incident.validators.length === 0 ? "no validator" : `validator ${incident.validators.join(", ")}`],
    ["image", rollout.spec.to.image],
  ];
}

/** From the start, each with the time since then: what followed what counts more than the hour. */
function timeline({ status }: RolloutObject, look: Look): readonly (readonly Cell[])[] {
  const start = timeOf(status.startTime ?? status.timeline?.[0]?.time) ?? look.now;
  return (status.timeline ?? []).map(({ time, event, message }) => [
    clockText(time, look.now),
    `+${durationText((timeOf(time) ?? start) - start)}`,
    event,
    message,
  ]);
}

function logLines({ logs }: Incident, look: Look): readonly string[] {
  if (logs.trim() === "") return [];
  return [
    heading("LAST LINES OF A CONTAINER THAT CRASHED", look),
    ...logs
      .trimEnd()
      .split("\n")
      .map((line) => `  | ${line}`),
  ];
}

function advice(rollout: RolloutObject, incident: Incident, cluster: ClusterObject, look: Look): readonly string[] {
  const { name, namespace } = rollout.metadata;
  const left = (cluster.status.quarantine ?? []).find((entry) => entry.rollout === name);
  const quarantine =
    left === undefined
      ? paragraph("Nothing is quarantined (any more) by this rollout.", look)
      : [
          ...paragraph(
            `Quarantined: version ${left.version}, image ${left.image} (revision ${left.revision}). These inputs are not tried again until they change or somebody lifts that:`,
            look,
          ),
          commandLine(`kubectl hmn rollout retry ${name} -n ${namespace} --reason TEXT`),
        ];
  return [...paragraph(whatToDo(incident.cause), look), ...quarantine];
}

function whatToDo(cause: Incident["cause"]): string {
  switch (cause) {
    case "Release":
      return "The release itself failed. Mend it and give it a new version or image; if it was not to blame, lift the quarantine.";
    case "Environment":
      return "The release could not start, or not be judged, for reasons outside of it. Mend the platform: it is tried again by itself with growing pauses, and at once when the spec changes.";
    case "Safety":
      return "Validators disagreed about results, or one voted twice. Keep logs and volumes, and do not retry before the cause is known.";
    case "Aborted":
      return "A person took it back (see the timeline). Lift the quarantine to try it again.";
    default:
      return unreachable(cause);
  }
}
