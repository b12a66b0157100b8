import type { Millis } from "../../node/base/units.ts";
import { timeOf } from "../rollout/time.ts";

/** A duration in two units at most: `8 s`, `5 min 12 s`, `3 h 4 min`, `2 d 5 h`. */
export function durationText(duration: number): string {
  const seconds = Math.max(0, Math.round(duration / 1000));
  const units = [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
    ["s", 1],
  ] as const;
  const at = units.findIndex(([, size]) => seconds >= size);
  const [large, small] = [units[at], units[at + 1]];
  if (large === undefined) return "0 s";
  const rest = small === undefined ? 0 : Math.floor((seconds % large[1]) / small[1]);
  const first = `${Math.floor(seconds / large[1])} ${large[0]}`;
  return small === undefined || rest === 0 ? first : `${first} ${rest} ${small[0]}`;
}

/** How long ago a recorded time is; empty where there is none. */
export function agoText(time: string | undefined, now: Millis): string {
  const at = timeOf(time);
  return at === undefined ? "" : durationText(now - at);
}

/** A recorded time as a clock shows it, with the day when that is not today's. */
export function clockText(time: string | undefined, now: Millis): string {
  const at = timeOf(time);
  if (at === undefined) return "";
  const [day, clock] = new Date(at).toISOString().slice(0, 19).split("T");
  return day === new Date(now).toISOString().slice(0, 10) ? `${clock} UTC` : `${day} ${clock} UTC`;
}
