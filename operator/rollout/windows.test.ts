import { describe, expect, test } from "vitest";
import { millis } from "../../node/base/units.ts";
import { clusterSpecSchema } from "../api/cluster.ts";
import { isTimeZone, type Window } from "../api/windows.ts";
import { specFault } from "../desired/spec-fault.ts";
import { nextOpening } from "./windows.ts";

const at = (text: string) => millis(Date.parse(text));
/** "open", or when the next window opens. */
function look(windows: readonly Window[], time: string): string {
  const closed = nextOpening(windows, at(time));
  return closed === undefined ? "open" : new Date(closed).toISOString();
}
const berlin: Window = { days: [], start: "02:30", durationMinutes: 60, timeZone: "Europe/Berlin" };

describe("windows", () => {
  test("without any, nodes may always be moved", () => expect(look([], "2026-01-01T00:00:00Z")).toBe("open"));

  test.each([
    ["before", "2026-01-15T01:29:59Z", "2026-01-15T01:30:00.000Z"],
    ["at its start", "2026-01-15T01:30:00Z", "open"],
    ["just before its end", "2026-01-15T02:29:59Z", "open"],
    ["at its end", "2026-01-15T02:30:00Z", "2026-01-16T01:30:00.000Z"],
    ["in summer", "2026-07-15T00:30:00Z", "open"],
  ])("every night at 02:30 in Berlin, %s", (_, time, expected) => expect(look([berlin], time)).toBe(expected));

  // Berlin's clocks: 29 March 2026, 02:00 to 03:00; 25 October 2026, 03:00 to 02:00 (IANA tzdata).
  test.each([
    ["the start that is skipped comes an hour later by the clocks", "2026-03-29T00:59:59Z", "2026-03-29T01:30:00.000Z"],
    ["and lasts as long as always", "2026-03-29T02:29:59Z", "open"],
    ["but no longer", "2026-03-29T02:30:00Z", "2026-03-30T00:30:00.000Z"],
    ["the start that comes twice is the first", "2026-10-25T00:29:59Z", "2026-10-25T00:30:00.000Z"],
    ["and is over when it comes again", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00.000Z"],
  ])("when the clocks change, %s", (_, time, expected) => expect(look([berlin], time)).toBe(expected));

  const weekend: Window = { days: ["Saturday"], start: "22:00", durationMinutes: 1_440, timeZone: "America/New_York" };
  test.each([
    ["it is open past midnight, by its own calendar", "2026-01-18T12:00:00Z", "open"],
    ["the next one is a week away", "2026-01-19T03:00:00Z", "2026-01-25T03:00:00.000Z"],
    ["over the change of the clocks it stays a day", "2026-11-01T23:59:59Z", "open"],
    ["and ends an hour earlier by the clocks", "2026-11-02T02:00:00Z", "2026-11-08T03:00:00.000Z"],
  ])("on Saturdays in New York for a day, %s", (_, time, expected) => expect(look([weekend], time)).toBe(expected));

  test("the one that opens first counts", () =>
    expect(look([weekend, berlin], "2026-01-19T03:00:00Z")).toBe("2026-01-20T01:30:00.000Z"));

  test("a time zone that nobody knows is a fault of the spec", () => {
    expect([isTimeZone("Europe/Berlin"), isTimeZone("UTC"), isTimeZone("Mars/Olympus")]).toEqual([true, true, false]);
    const spec = clusterSpecSchema.parse({
      ...{ version: "1.0.0", image: { reference: "hmn-node:1.0.0" }, network: "payments" },
      rollout: { windows: [{ start: "01:00", durationMinutes: 60, timeZone: "Mars/Olympus" }] },
    });
    expect(specFault(spec)).toContain("spec.rollout.windows has the time zone Mars/Olympus");
  });
});

test("a window in a time zone that is none never opens, and stops nobody who looks", () => {
  const nowhere: Window = { ...berlin, timeZone: "a" };
  const now = millis(Date.parse("2026-03-27T12:00:00Z"));
  expect(nextOpening([nowhere], now)).toBeGreaterThan(now);
  expect(nextOpening([nowhere, berlin], now)).toBe(nextOpening([berlin], now));
});
