import type { LoadPlan } from "./generator-api.ts";
import type { Figure } from "./results.ts";

/** One line of the table: a load, and what its figures should be (consensus.md, "on that rig, 100 k accounts"). */
export type Row = {
  readonly name: string;
  readonly load: Pick<LoadPlan, "pace" | "batch" | "spread" | "mixed">;
  readonly figures: {
    readonly rate?: Figure;
    /** Saturated rate ÷ limit computed in the same round. */
    readonly ratio?: Figure;
    readonly p50?: Figure;
    readonly p95?: Figure;
    readonly p99?: Figure;
  };
};

const rate = (floor?: number, aim?: number): Figure => ({
  unit: "transfers/s",
  better: "higher",
  ...bounds(floor, aim),
});
const latency = (floor?: number, aim?: number): Figure => ({ unit: "ms", better: "lower", ...bounds(floor, aim) });
const RATIO: Figure = { unit: "of the limit", better: "higher", floor: 0.35, aim: 0.5 };

function bounds(floor: number | undefined, aim: number | undefined): Pick<Figure, "floor" | "aim"> {
  return { ...(floor === undefined ? {} : { floor }), ...(aim === undefined ? {} : { aim }) };
}

/** So many batches always wait for an answer: enough that a node never waits for a client. */
const closed = (batch: number, outstanding: number, figures: Row["figures"]): Row => ({
  name: `closed/${batch}`,
  load: { pace: { outstanding }, batch, spread: "random", mixed: false },
  figures,
});

const open = (transfersPerSecond: number, batch: number, figures: Row["figures"]): Row => ({
  name: `open/${transfersPerSecond}/${batch}`,
  load: { pace: { perSecond: transfersPerSecond / batch }, batch, spread: "random", mixed: false },
  figures: { ...figures, rate: rate() },
});

export const ROWS: readonly Row[] = [
  closed(1, 1_000, { rate: rate(3_000, 4_300) }),
  closed(100, 256, { rate: rate(170_000, 240_000), ratio: RATIO }),
  closed(1_000, 64, { rate: rate(340_000, 450_000), ratio: RATIO }),
  closed(8_000, 24, { rate: rate(380_000, 550_000), ratio: RATIO }),
  open(100_000, 1_000, { p50: latency(12, 7), p95: latency(20, 11), p99: latency(35, 17) }),
  open(10_000, 100, { p50: latency(6, 5), p95: latency(9, 7.5), p99: latency(14, 11) }),
  {
    name: "mixed/1000",
    load: { pace: { outstanding: 64 }, batch: 1_000, spread: "zipf", mixed: true },
    figures: { rate: rate() },
  },
];

/** Batches with which the other databases are measured. */
export const BASELINE_BATCHES = [100, 1_000, 8_000] as const;
export const BASELINE_RATE: Figure = rate();

export const FIGURES = {
  idleMemory: { unit: "MB", better: "lower", floor: 120 },
  accountMemory: { unit: "MB per million", better: "lower", floor: 160, aim: 110 },
  leaderDeath: { unit: "s", better: "lower", floor: 1, aim: 0.3 },
  replay: { unit: "s", better: "lower" },
  limit: rate(),
  cost: { unit: "µs", better: "lower" },
  late: latency(),
} as const satisfies Record<string, Figure>;

/** The row that is measured again with a million accounts, and under the profiler. */
export const MAIN_ROW = "closed/1000";
