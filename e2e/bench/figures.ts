import type { Figure } from "../../node/bench/results.ts";

/** Windows of a rollout that is measured, and how many failed ones in a row decide. */
export const WINDOW_SECONDS = 4;
const FAILURE_LIMIT = 1;
/** From one reading of a node to the next. */
const READING_SECONDS = 2;

/** What is measured of the operator, and what the design asks: on two cores, 1 000 clusters of five validators. */
export const FIGURES = {
  coldStart: ["start/caches filled", { unit: "s", better: "lower", floor: 2.5 }],
  creation: ["creation/clusters", { unit: "clusters/s", better: "higher", floor: 50 }],
  creationCpu: ["creation/CPU of the operator", { unit: "ms/cluster", better: "lower" }],
  decisions: ["rest/decisions, by processor time", { unit: "decisions/s", better: "higher", floor: 2_000 }],
  noOp: ["rest/no-op reconciles of one worker", { unit: "reconciles/s", better: "higher", floor: 2_000 }],
  restWrites: ["rest/writes beyond the Lease", { unit: "writes", better: "lower", floor: 0 }],
  restCpu: ["rest/CPU of the operator", { unit: "cores", better: "lower" }],
  leaderMemory: ["memory/leader", { unit: "MiB", better: "lower", floor: 250 }],
  standbyMemory: ["memory/standby", { unit: "MiB", better: "lower", floor: 150 }],
  verdict: [
    "rollback/breach to verdict",
    { unit: "s", better: "lower", floor: WINDOW_SECONDS * FAILURE_LIMIT + READING_SECONDS },
  ],
  firstWrite: ["rollback/verdict to first write, p99", { unit: "s", better: "lower", floor: 1 }],
  watchCut: ["watch/cut to event acted on", { unit: "s", better: "lower", floor: 2 }],
  graceful: ["takeover/graceful", { unit: "s", better: "lower", floor: 3 }],
  crash: ["takeover/crash", { unit: "s", better: "lower", floor: 20 }],
} as const satisfies Record<string, readonly [string, Figure]>;
