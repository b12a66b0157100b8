import { type Millis, millis } from "../../node/base/units.ts";
import { days, isTimeZone, type Window } from "../api/windows.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** A window of a day that began the day before yesterday, on clocks that were set back, may still be open. */
const LOOK_BACK_DAYS = 2;
/** One week, and a day more where today's start has passed. */
const LOOK_AHEAD_DAYS = 8;

/**
 * Undefined while nodes may be moved, otherwise when the next window opens. One in a time zone that is none never does, which
 * `specFault` tells; the API server cannot know.
 */
export function nextOpening(windows: readonly Window[], now: Millis): Millis | undefined {
  if (windows.length === 0) return undefined;
  const later: number[] = [];
  for (const window of windows)
    for (const start of startsAround(window, now)) {
      if (start <= now && now < start + window.durationMinutes * MINUTE_MS) return undefined;
      if (start > now) later.push(start);
    }
  return later.length === 0 ? millis(now + DAY_MS) : millis(Math.min(...later));
}

/**
 * A start that the clocks skip comes as much later as they are set forward; one that they show twice is the first of the two
 * (RFC 5545, section 3.3.5, and Temporal's `compatible`).
 */
function startsAround({ days: wanted, start, timeZone }: Window, now: Millis): readonly number[] {
  if (!isTimeZone(timeZone)) return [];
  const today = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(timeZone).toPlainDate();
  const plainTime = Temporal.PlainTime.from(start);
  return Array.from({ length: LOOK_BACK_DAYS + LOOK_AHEAD_DAYS + 1 }, (_, index) =>
    today.add({ days: index - LOOK_BACK_DAYS }),
  )
    .filter((date) => wanted.length === 0 || wanted.some((day) => days.indexOf(day) === date.dayOfWeek - 1))
    .map((date) => date.toZonedDateTime({ timeZone, plainTime }).epochMilliseconds);
}
