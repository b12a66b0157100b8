import { afterEach, expect, test, vi } from "vitest";
import { fc } from "../base/test-property.ts";
import { millis, ppm, seconds } from "../base/units.ts";
import { afterTick, dueAt, SERVICES, type Supervisor, serviceNames, supervisor, wakeAtMs } from "./core.ts";
import { intervalOf } from "./interval.ts";
import { superviseServices } from "./run.ts";

const pace = (lambda: number, coherence: number) => ({
  lambdaPpm: ppm(Math.round(lambda * 1e6)),
  coherencePpm: ppm(Math.round(coherence * 1e6)),
});
const CALM = pace(0.7, 1);

test.each([
  // The document's own example: 1.303, so 0.768 × base.
  [0.7, 0.85, 1_000, 767.7],
  [0.7, 1, 10_000, 8_235.3],
  // Never twice as fast, however low λ and Ĉ are; never under 0.1 s.
  [0.3, 0.1, 1_000, 500],
  [0, 0, 150, 100],
  [1, 1, 1_000, 1_000],
])("λ %d and Ĉ %d turn a base of %d ms into %d ms", (lambda, coherence, base, interval) => {
  expect(intervalOf(millis(base), pace(lambda, coherence))).toBeCloseTo(interval, 1);
});

test("lower λ and lower Ĉ never slow a service down", () => {
  const value = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(value, value, value, (a, b, other) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      const base = seconds(3);
      expect(intervalOf(base, pace(low, other))).toBeLessThanOrEqual(intervalOf(base, pace(high, other)));
      expect(intervalOf(base, pace(other, low))).toBeLessThanOrEqual(intervalOf(base, pace(other, high)));
    }),
  );
});

const done = { type: "done", report: { state: "running", reason: "" } } as const;
const threw = { type: "threw", message: "broken" } as const;
const at = (nowMs: number) => ({ nowMs, pace: CALM });

test("each service has its own rhythm, and a stall is not made up for", () => {
  let state: Supervisor = supervisor(0, pace(1, 1));
  const ticks = new Map<string, number>();
  const calm = pace(1, 1);
  for (let now = 0; now <= 30_000; now += 100) {
    for (const name of dueAt(state, now)) {
      ticks.set(name, (ticks.get(name) ?? 0) + 1);
      state = afterTick(state, name, { outcome: done, nowMs: now, pace: calm });
    }
  }
  expect(Object.fromEntries(ticks)).toEqual({
    ledger: 30,
    cal_engine: 15,
    mining_agent: 6,
    memory_mesh: 10,
    consensus: 3,
  });
  expect(dueAt(state, 300_000)).toEqual(serviceNames);
  for (const name of serviceNames) state = afterTick(state, name, { outcome: done, nowMs: 300_000, pace: calm });
  expect(dueAt(state, 300_999)).toEqual([]);
  expect(wakeAtMs(state)).toBe(301_000);
});

test("a service that throws is restarted after 1, 2, 4 … 60 seconds, counted, and leaves the others alone", () => {
  let state = supervisor(0, CALM);
  const waits: number[] = [];
  let now = 0;
  for (let turn = 0; turn < 8; turn++) {
    state = afterTick(state, "ledger", { outcome: threw, ...at(now) });
    waits.push(state.ledger.dueAtMs - now);
    now = state.ledger.dueAtMs;
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60].map((wait) => wait * 1_000));
  expect(state.ledger).toMatchObject({ state: "failed", reason: "broken", restarts: 7 });
  expect(state.cal_engine).toMatchObject({ state: "waiting", restarts: 0 });
  state = afterTick(state, "ledger", { outcome: done, ...at(now) });
  expect(state.ledger).toMatchObject({ state: "running", reason: "", restarts: 8, failuresInARow: 0 });
  expect(state.ledger.dueAtMs - now).toBeCloseTo(intervalOf(SERVICES.ledger, CALM), 6);
  state = afterTick(state, "ledger", { outcome: done, ...at(now) });
  expect(state.ledger.restarts).toBe(8);
});

afterEach(() => vi.useRealTimers());

test("the shell runs ticks by the clock, survives what they throw, and stops", () => {
  vi.useFakeTimers();
  const seen: string[] = [];
  let broken = true;
  const idle = { state: "idle", reason: "nothing yet" } as const;
  const running = superviseServices({
    ticks: {
      ledger: () => {
        seen.push("ledger");
        if (broken) throw new Error("broken");
        return { state: "running", reason: "" };
      },
      ...{ cal_engine: () => idle, mining_agent: () => idle, memory_mesh: () => idle, consensus: () => idle },
    },
    pace: () => CALM,
    onInterval: (service, interval) => seen.push(`${service} every ${interval.toFixed(3)} s`),
    onRestart: (service) => seen.push(`${service} restarted`),
    onFailure: (service, cause) => seen.push(`${service} failed: ${cause}`),
  });
  expect(seen.splice(0)).toEqual([
    "ledger every 0.824 s",
    "cal_engine every 1.647 s",
    "mining_agent every 4.118 s",
    "memory_mesh every 2.471 s",
    "consensus every 8.235 s",
  ]);
  vi.advanceTimersByTime(850);
  expect(seen.splice(0).slice(0, 2)).toEqual(["ledger", "ledger failed: Error: broken"]);
  expect(running.health().ledger).toMatchObject({ state: "failed", reason: "broken" });
  broken = false;
  vi.advanceTimersByTime(1_000);
  expect(seen.splice(0)).toContain("ledger restarted");
  expect(running.health()).toMatchObject({ ledger: { state: "running" }, cal_engine: { state: "idle" } });
  running.close();
  seen.length = 0;
  vi.advanceTimersByTime(60_000);
  expect(seen).toEqual([]);
});
