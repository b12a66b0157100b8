/**
 * The pace of one node, all of it local: a node with another pace stays safe. Times in milliseconds. A leader proposes at
 * most every `minBlockIntervalMs`, even under load, because machines here are small and shared.
 */
export type Timing = {
  /** With nothing to order, a block this long after the view began. */
  readonly idleBlockMs: number;
  readonly minBlockIntervalMs: number;
  /** How long a view may last once there is something to order; doubles with each nullified view in a row. */
  readonly viewTimeoutMs: number;
  readonly maxTimeoutMs: number;
  readonly maxBatchesPerBlock: number;
  readonly maxBlockBytes: number;
};

export const DEFAULT_TIMING: Timing = {
  idleBlockMs: 1000,
  minBlockIntervalMs: 100,
  viewTimeoutMs: 1000,
  maxTimeoutMs: 10_000,
  maxBatchesPerBlock: 1024,
  maxBlockBytes: 4 * 1024 * 1024,
};

/** The announcement of a stopping node counts at most this long. */
export const STOPPING_MAX_MS = 60_000;

/** A proposal's time may differ from a voter's clock by this much; doubles with each nullified view before it. */
export const CLOCK_BOUND_NS = 2_000_000_000n;
export const CLOCK_DOUBLINGS_MAX = 30;

export const viewTimeoutMs = (timing: Timing, nullifiedInRow: number): number =>
  Math.min(timing.maxTimeoutMs, timing.viewTimeoutMs * 2 ** Math.min(nullifiedInRow, 30));
