import type { Millis } from "../../node/base/units.ts";
import type { JudgedWindow, RolloutState, RolloutStatus } from "../api/rollout.ts";
import { timeText } from "./time.ts";

const TIMELINE_MAX = 200;
const WINDOWS_MAX = 100;

/** The status with one more entry in its timeline. */
export function noted(status: RolloutStatus, now: Millis, event: string, message: string): RolloutStatus {
  const entry = { time: timeText(now), event, message: message.slice(0, 512) };
  return { ...status, timeline: [...(status.timeline ?? []), entry].slice(-TIMELINE_MAX) };
}

/** The status in another state; progress was made, so the deadline starts anew. */
export function inState(status: RolloutStatus, now: Millis, state: RolloutState): RolloutStatus {
  return { ...status, state, since: timeText(now), progressAt: timeText(now), pauseReason: "" };
}

/** After a pause it goes on with the phase that it was in. */
export const resumed = (status: RolloutStatus, now: Millis): RolloutStatus =>
  inState(status, now, status.phase === 0 ? "Observing" : "Moving");

/** A phase begins to move nodes: up to so many in all. */
export const phaseStarted = (status: RolloutStatus, now: Millis, phase: number, count: number): RolloutStatus =>
  noted({ ...inState(status, now, "Moving"), phase }, now, "PhaseStarted", `phase ${phase}: up to ${count} nodes`);

export function ended(
  status: RolloutStatus,
  now: Millis,
  state: "Succeeded" | "RolledBack" | "Superseded",
  message: string,
): RolloutStatus {
  return { ...noted(inState(status, now, state), now, state, message), completionTime: timeText(now) };
}

/** Adds a judged window; failures count in a row, and a window that says nothing neither counts nor absolves. */
export function judged(status: RolloutStatus, window: JudgedWindow): RolloutStatus {
  const before = status.consecutiveFailures ?? 0;
  const failures =
    window.verdict === "Fail"
      ? before + 1
      : window.verdict === "Pass" || window.verdict === "Inconclusive"
        ? 0
        : before;
  return {
    ...status,
    windows: [...(status.windows ?? []), window].slice(-WINDOWS_MAX),
    consecutiveFailures: Math.min(failures, 100),
  };
}

export const isActive = (status: RolloutStatus): boolean => status.completionTime === undefined;
