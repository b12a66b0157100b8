/** The pace of one node, all of it local: a node with another pace stays safe. Times in milliseconds. */
export type Timing = {
  /** From one block to the next, while the nodes keep up with it; under load it is stretched, see `blockIntervalMs`. */
  readonly minBlockIntervalMs: number;
  /** How long a view may last once there is something to order; doubles with each nullified view in a row. */
  readonly viewTimeoutMs: number;
  readonly maxTimeoutMs: number;
};

export const DEFAULT_TIMING: Timing = {
  minBlockIntervalMs: 8,
  viewTimeoutMs: 500,
  maxTimeoutMs: 10_000,
};

/** The announcement of a stopping node counts at most this long. */
export const STOPPING_MAX_MS = 60_000;

/** A proposal's time may differ from a voter's clock by this much; doubles with each nullified view before it. */
export const CLOCK_BOUND_NS = 2_000_000_000n;
export const CLOCK_DOUBLINGS_MAX = 30;

export const viewTimeoutMs = (timing: Timing, nullifiedInRow: number): number =>
  Math.min(timing.maxTimeoutMs, timing.viewTimeoutMs * 2 ** Math.min(nullifiedInRow, 30));

/** No load stretches the interval further than this; a configured one may be longer. */
const STRETCHED_INTERVAL_MAX_MS = 50;

/**
 * The least time between two blocks. Every block costs each node about the same, whatever is in it: where blocks take longer
 * to be notarized, the machine is at its limit and fewer, larger blocks carry more. So a block is given twice the time that
 * the last ones took.
 */
export const blockIntervalMs = ({ minBlockIntervalMs }: Timing, lagMs: number): number =>
  Math.max(minBlockIntervalMs, Math.min(2 * lagMs, STRETCHED_INTERVAL_MAX_MS));
