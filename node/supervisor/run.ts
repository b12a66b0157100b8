import {
  afterTick,
  dueAt,
  SERVICES,
  type ServiceName,
  type Supervisor,
  serviceNames,
  supervisor,
  type TickOutcome,
  type TickReport,
  wakeAtMs,
} from "./core.ts";
import { intervalOf, type Pace } from "./interval.ts";

export type SupervisorOptions = {
  /** One tick of each service; synchronous, as everything of a node is that shares its state. */
  readonly ticks: Readonly<Record<ServiceName, () => TickReport>>;
  readonly pace: () => Pace;
  readonly onInterval: (service: ServiceName, seconds: number) => void;
  readonly onRestart: (service: ServiceName) => void;
  readonly onFailure: (service: ServiceName, cause: unknown) => void;
};

export type RunningServices = {
  health(): Readonly<Record<ServiceName, Pick<Supervisor[ServiceName], "state" | "reason">>>;
  close(): void;
};

/** Runs the services' ticks by the real clock; what throws is that service's failure and nobody else's. */
export function superviseServices(options: SupervisorOptions): RunningServices {
  const { ticks, pace } = options;
  let state = supervisor(performance.now(), pace());
  let timer: NodeJS.Timeout | undefined;
  const tick = (name: ServiceName): TickOutcome => {
    try {
      return { type: "done", report: ticks[name]() };
    } catch (cause) {
      options.onFailure(name, cause);
      return { type: "threw", message: cause instanceof Error ? cause.message : String(cause) };
    }
  };
  const turn = (): void => {
    for (const name of dueAt(state, performance.now())) {
      const before = state[name].restarts;
      const outcome = tick(name);
      state = afterTick(state, name, { outcome, nowMs: performance.now(), pace: pace() });
      if (state[name].restarts > before) options.onRestart(name);
      options.onInterval(name, intervalOf(SERVICES[name], pace()) / 1_000);
    }
    wait();
  };
  const wait = (): void => {
    timer = setTimeout(turn, Math.max(1, wakeAtMs(state) - performance.now()));
  };
  for (const name of serviceNames) options.onInterval(name, intervalOf(SERVICES[name], pace()) / 1_000);
  wait();
  return { health: () => state, close: () => clearTimeout(timer) };
}
