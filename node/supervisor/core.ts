import { type Millis, seconds } from "../base/units.ts";
import { intervalOf, type Pace } from "./interval.ts";

/** The five services of a node and their base intervals (domain.md, "The five services of a node"). */
export const SERVICES = {
  ledger: seconds(1),
  cal_engine: seconds(2),
  mining_agent: seconds(5),
  memory_mesh: seconds(3),
  consensus: seconds(10),
} as const satisfies Readonly<Record<string, Millis>>;

export type ServiceName = keyof typeof SERVICES;
export const serviceNames: readonly ServiceName[] = [
  "ledger",
  "cal_engine",
  "mining_agent",
  "memory_mesh",
  "consensus",
];

/** What a service says of itself after a tick; `idle` is honest about having no work. */
export type TickReport = { readonly state: "running" | "waiting" | "idle"; readonly reason: string };

export type Service = {
  /** When its next tick is due. A tick that was missed is not made up for: there is never more than one to come. */
  readonly dueAtMs: number;
  readonly state: TickReport["state"] | "failed";
  readonly reason: string;
  readonly failuresInARow: number;
  /** How often it was started again after it had failed. */
  readonly restarts: number;
};

export type Supervisor = Readonly<Record<ServiceName, Service>>;

export type TickOutcome =
  | { readonly type: "done"; readonly report: TickReport }
  | { readonly type: "threw"; readonly message: string };

const RESTART_MS = { first: 1_000, most: 60_000 } as const;

/** All services, each due for the first time after its own interval. */
export function supervisor(nowMs: number, pace: Pace): Supervisor {
  const fresh = (name: ServiceName): Service => ({
    dueAtMs: nowMs + intervalOf(SERVICES[name], pace),
    ...{ state: "waiting", reason: "its first tick is to come", failuresInARow: 0, restarts: 0 },
  });
  return {
    ledger: fresh("ledger"),
    cal_engine: fresh("cal_engine"),
    mining_agent: fresh("mining_agent"),
    memory_mesh: fresh("memory_mesh"),
    consensus: fresh("consensus"),
  };
}

/** The services whose tick is due, in a fixed order. */
export const dueAt = (state: Supervisor, nowMs: number): readonly ServiceName[] =>
  serviceNames.filter((name) => state[name].dueAtMs <= nowMs);

export const wakeAtMs = (state: Supervisor): number => Math.min(...serviceNames.map((name) => state[name].dueAtMs));

/** After a tick: the next one comes an interval later, or, after failures, when the backoff is over: twice as long each time. */
export function afterTick(
  state: Supervisor,
  name: ServiceName,
  { outcome, nowMs, pace }: { readonly outcome: TickOutcome; readonly nowMs: number; readonly pace: Pace },
): Supervisor {
  const before = state[name];
  // This tick was the restart of a service that had failed.
  const restarts = before.restarts + (before.failuresInARow > 0 ? 1 : 0);
  if (outcome.type === "done") {
    const dueAtMs = nowMs + intervalOf(SERVICES[name], pace);
    return { ...state, [name]: { ...outcome.report, dueAtMs, failuresInARow: 0, restarts } };
  }
  const waitMs = Math.min(RESTART_MS.most, RESTART_MS.first * 2 ** before.failuresInARow);
  const failed: Service = {
    dueAtMs: nowMs + waitMs,
    state: "failed",
    reason: outcome.message,
    failuresInARow: before.failuresInARow + 1,
    restarts,
  };
  return { ...state, [name]: failed };
}
