import { expect, test } from "vitest";
import { millis } from "../../node/base/units.ts";
import { lastTime, parseCron } from "./cron.ts";

const at = (text: string) => millis(Date.parse(text));
const last = (schedule: string, now: string, after = "2020-01-01T00:00:00Z") => {
  const cron = parseCron(schedule);
  const time = cron === undefined ? undefined : lastTime(cron, { after: at(after), now: at(now) });
  return time === undefined ? undefined : new Date(time).toISOString().slice(0, 16);
};

test.each([
  ["*/15 * * * *", "2026-01-01T10:44:59Z", "2026-01-01T10:30"],
  ["0 */6 * * *", "2026-01-01T05:59:00Z", "2026-01-01T00:00"],
  ["30 2 * * 1-5", "2026-01-04T12:00:00Z", "2026-01-02T02:30"],
  ["0 0 * * 7", "2026-01-05T12:00:00Z", "2026-01-04T00:00"],
  ["0 0 1,15 * *", "2026-01-20T00:00:00Z", "2026-01-15T00:00"],
  // Either day does where both are given: the 1st was a Thursday, the last Monday the 5th.
  ["0 0 1 * 1", "2026-01-06T00:00:00Z", "2026-01-05T00:00"],
  ["0 0 29 2 *", "2026-01-01T00:00:00Z", "2024-02-29T00:00"],
  ["5-20/10 1 * * *", "2026-01-01T01:14:00Z", "2026-01-01T01:05"],
  ["0 0 * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:00"],
])("%s was last due before %s at %s", (schedule, now, then) => {
  expect(last(schedule, now)).toBe(then);
});

test("nothing is due that was acted on, nor before the beginning", () => {
  expect(last("0 0 * * *", "2026-01-01T23:59:00Z", "2026-01-01T00:00:00Z")).toBeUndefined();
  expect(last("0 0 31 2 *", "2026-01-01T00:00:00Z")).toBeUndefined();
});

test.each([
  "",
  "* * * *",
  "60 * * * *",
  "* 24 * * *",
  "* * 0 * *",
  "* * * 13 *",
  "* * * * 8",
  "5-1 * * * *",
  "*/0 * * * *",
])("%j is no schedule", (text) => {
  expect(parseCron(text)).toBeUndefined();
});
