import { unreachable } from "../../node/base/assert.ts";
import type { ClusterStatus } from "../api/cluster.ts";
import type { ConditionType } from "../api/conditions.ts";
import type { RolloutStatus } from "../api/rollout.ts";
import type { RolloutObject, Snapshot } from "../observe/snapshot.ts";
import type { Action } from "./actions.ts";
import { emergencyEvents } from "./coherence.ts";

const warnings = ["RollingBack", "RolledBack", "FirstDeploymentFailed", "ImageMoved"];

/** One event on the cluster for each new entry of a rollout's timeline, and one when what is waited for changes. */
export function events(
  snapshot: Snapshot,
  status: ClusterStatus,
  rollout: RolloutObject | undefined,
  next: RolloutStatus | undefined,
): readonly Action[] {
  const waitingFor = status.waitingFor;
  const asked = waitingFor !== undefined && waitingFor.who !== "Operator";
  return [
    ...newEntries(rollout?.status, next).map(
      ({ event, message }): Action => ({
        type: "event",
        about: "HmnCluster",
        severity: warnings.includes(event) ? "Warning" : "Normal",
        reason: event,
        message: `${rollout?.metadata.name ?? ""}: ${message}`,
      }),
    ),
    ...worsened(snapshot.cluster.status, status),
    ...emergencyEvents(snapshot.cluster.status, status),
    ...(asked && waitingFor.reason !== snapshot.cluster.status.waitingFor?.reason
      ? [
          {
            type: "event",
            about: "HmnCluster",
            severity: "Warning",
            reason: waitingFor.reason,
            message: waitingFor.message,
          } as const,
        ]
      : []),
  ];
}

/** Conditions whose turning false is news by itself, since nothing waits for it. */
const watchedConditions: readonly ConditionType[] = ["ImageUnchanged"];

const worsened = (before: ClusterStatus, after: ClusterStatus): readonly Action[] =>
  watchedConditions.flatMap((type): readonly Action[] => {
    const condition = after.conditions?.find((one) => one.type === type);
    const was = before.conditions?.find((one) => one.type === type)?.status;
    if (condition?.status !== "False" || was === "False") return [];
    return [
      {
        type: "event",
        about: "HmnCluster",
        severity: "Warning",
        reason: condition.reason,
        message: condition.message,
      },
    ];
  });

/** One event when a validator begins to join or leave, and one when it has. */
export function scaleEvents(
  before: ClusterStatus["scale"],
  after: ClusterStatus["scale"],
  size: number | undefined,
): readonly Action[] {
  const event = (reason: string, message: string): readonly Action[] => [
    { type: "event", about: "HmnCluster", severity: "Normal", reason, message },
  ];
  if (after !== undefined && before?.direction !== after.direction)
    return after.direction === "Up"
      ? event("ValidatorJoining", `validator ${after.validator} is joining`)
      : event("ValidatorLeaving", `validator ${after.validator} is leaving`);
  if (before === undefined || after !== undefined) return [];
  return before.direction === "Up"
    ? event("ValidatorJoined", `validator ${before.validator} votes: there are ${size} now`)
    : event("ValidatorLeft", `validator ${before.validator} has left and is removed: there are ${size} now`);
}

/** One event for each step of a validator on its way to a new vote key. */
export function replacementEvents(
  { replacement: before }: ClusterStatus,
  { replacement: after, incarnations = [] }: ClusterStatus,
): readonly Action[] {
  if (before?.validator === after?.validator && before?.step === after?.step) return [];
  const event = (severity: "Normal" | "Warning", reason: string, message: string): readonly Action[] => [
    { type: "event", about: "HmnCluster", severity, reason, message },
  ];
  if (after === undefined) {
    if (before === undefined) return [];
    const { validator, incarnation, cause } = before;
    const replaced =
      cause === "KeyLost" || incarnations.some((one) => one.validator === validator && one.incarnation === incarnation);
    return before.step !== "Lost" && replaced
      ? event("Normal", "ValidatorReplaced", `validator ${validator} votes with a new key`)
      : event("Normal", "ValidatorBack", `validator ${validator} is not lost any more`);
  }
  const { validator, cause, step } = after;
  switch (step) {
    case "Lost":
      return event(
        "Warning",
        cause,
        cause === "DataDamaged"
          ? `validator ${validator} ends, as its data is damaged`
          : `validator ${validator} seems to have lost its volume or host`,
      );
    case "Start":
      return event(
        "Warning",
        "ReplacementStarted",
        `validator ${validator} is given up where it was, and begins on a new volume`,
      );
    case "Order":
      return event(
        "Normal",
        "KeyReplacementDue",
        `validator ${validator} follows with a new vote key, which is ordered`,
      );
    case "Boundary":
      return event(
        "Normal",
        "KeyReplacementOrdered",
        `the new vote key of validator ${validator} waits for the members`,
      );
    case "Retire":
      return event("Normal", "KeyReplaced", `validator ${validator} votes with its new key: its old node is removed`);
    default:
      return unreachable(step);
  }
}

/** The timeline is cut at its front when full, so entries are told apart by what they are, not by their place. */
function newEntries(before: RolloutStatus | undefined, next: RolloutStatus | undefined) {
  const known = new Set((before?.timeline ?? []).map((entry) => JSON.stringify(entry)));
  return (next?.timeline ?? []).filter((entry) => !known.has(JSON.stringify(entry)));
}
