/**
 * A hybrid logical time (Kulkarni et al. 2014, "Logical Physical Clocks"): milliseconds since 1970 in the upper 48 of 64
 * bits, a counter below them. Its order agrees with cause and effect, and stays near the wall clock.
 */
export type HybridTime = bigint;

const COUNTER_BITS = 16n;
export const HYBRID_TIME_MAX: HybridTime = (1n << 64n) - 1n;

/** The first time of a millisecond. */
export const hybridTimeAt = (wallMs: number): HybridTime => BigInt(Math.trunc(wallMs)) << COUNTER_BITS;

/** The wall clock's part, in milliseconds since 1970. */
export const wallMsOf = (time: HybridTime): number => Number(time >> COUNTER_BITS);

/** The time of a new event: after everything seen, and not before the wall clock. */
export const nextHybridTime = (newestSeen: HybridTime, wallMs: number): HybridTime => {
  const now = hybridTimeAt(wallMs);
  return now > newestSeen ? now : newestSeen + 1n;
};

/** As 16 hexadecimal digits, whose order as texts is that of the times. */
export const hybridTimeText = (time: HybridTime): string => time.toString(16).padStart(16, "0");
