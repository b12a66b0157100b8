/** The pace of one node's lanes, all of it local: a node with another pace stays safe. Times in milliseconds. */
export type LanePace = {
  /** Least time between two own cars; it grows with the cars that no block has ordered yet, so that load makes larger cars. */
  readonly carIntervalMs: number;
  /** It doubles with this many: a car costs a signature and three verifications, and what waits for a block need not hurry. */
  readonly carsPerDoubling: number;
  /** A lane's held tip that no final block has ordered after this time is acknowledged: before, nobody needs the proof. */
  readonly ackAfterMs: number;
  /** A car that is missing for so long is asked for: most come by themselves. */
  readonly askAfterMs: number;
  /** How long one peer may take to answer, until the next one is asked. */
  readonly askTimeoutMs: number;
  /** Own cars, acknowledgements and certificates are said again so often while nothing orders them. */
  readonly repeatMs: number;
  /** What this node puts into a block when it leads; the hard limits are those of the payload. */
  readonly blockCarsMax: number;
  readonly blockBatchBytesMax: number;
  /** Cars beyond what is ordered that this node keeps of one lane: past that the lane stalls. */
  readonly laneCarsMax: number;
};

export const LANE_CARS_MAX = 256;

export const DEFAULT_LANE_PACE: LanePace = {
  carIntervalMs: 2,
  carsPerDoubling: 16,
  ackAfterMs: 50,
  askAfterMs: 30,
  askTimeoutMs: 300,
  repeatMs: 1000,
  blockCarsMax: 1024,
  blockBatchBytesMax: 8 * 1024 * 1024,
  laneCarsMax: LANE_CARS_MAX,
};
