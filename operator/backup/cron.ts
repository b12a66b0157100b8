import { type Millis, millis } from "../../node/base/units.ts";

/**
 * Times of a schedule in cron's five fields (minute, hour, day of the month, month, day of the week), in UTC: numbers, lists, ranges
 * and steps. As everywhere, a time fits if either day does where both are given.
 */
export type Cron = {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly weekdays: ReadonlySet<number>;
  /** Whether the field was `*`: then the other day decides alone. */
  readonly anyDay: boolean;
  readonly anyWeekday: boolean;
};

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** The 29th of February comes at least every eight years. */
const DAYS_BACK = 8 * 366;

/** Undefined: it is no schedule, or one that never comes. */
export function parseCron(text: string): Cron | undefined {
  const fields = text.trim().split(/\s+/);
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = fields;
  if (fields.length !== 5) return undefined;
  const minutes = field(minute, 0, 59);
  const hours = field(hour, 0, 23);
  const days = field(day, 1, 31);
  const months = field(month, 1, 12);
  const weekdays = field(weekday, 0, 7);
  if (!minutes || !hours || !days || !months || !weekdays) return undefined;
  // Both 0 and 7 are Sunday.
  const week = new Set([...weekdays].map((one) => one % 7));
  return { minutes, hours, days, months, weekdays: week, anyDay: day === "*", anyWeekday: weekday === "*" };
}

function field(text: string, least: number, most: number): ReadonlySet<number> | undefined {
  const found = new Set<number>();
  for (const part of text.split(",")) {
    const [, range = "", step] = /^(\*|[0-9]{1,2}(?:-[0-9]{1,2})?)(?:\/([0-9]{1,2}))?$/.exec(part) ?? [];
    const [from, to] = range === "*" ? [least, most] : range.split("-").map(Number);
    if (from === undefined || range === "" || Number(step ?? 1) < 1) return undefined;
    // `5/10` is from 5 on; `5` is 5 alone.
    const last = to ?? (step === undefined ? from : most);
    if (from < least || last > most || from > last) return undefined;
    for (let one = from; one <= last; one += Number(step ?? 1)) found.add(one);
  }
  return found;
}

/** The newest time of the schedule after `after` and not after `now`: of several that were missed only this one counts. */
export function lastTime(
  cron: Cron,
  { after, now }: { readonly after: Millis; readonly now: Millis },
): Millis | undefined {
  const times = [...cron.hours]
    .flatMap((hour) => [...cron.minutes].map((minute) => hour * 60 + minute))
    .toSorted((a, b) => b - a);
  const today = Math.floor(now / DAY_MS);
  const oldest = Math.max(Math.floor(after / DAY_MS), today - DAYS_BACK);
  for (let day = today; day >= oldest; day -= 1) {
    if (!isDay(cron, day)) continue;
    const found = times.map((minute) => day * DAY_MS + minute * MINUTE_MS).find((time) => time <= now && time > after);
    if (found !== undefined) return millis(found);
  }
  return undefined;
}

function isDay({ days, months, weekdays, anyDay, anyWeekday }: Cron, day: number): boolean {
  const date = new Date(day * DAY_MS);
  if (!months.has(date.getUTCMonth() + 1)) return false;
  const [fitsDay, fitsWeekday] = [days.has(date.getUTCDate()), weekdays.has(date.getUTCDay())];
  if (anyDay || anyWeekday) return fitsDay && fitsWeekday;
  return fitsDay || fitsWeekday;
}
