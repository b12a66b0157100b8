declare const unit: unique symbol;
type Unit<Base, Name extends string> = Base & { readonly [unit]: Name };

/** A duration in milliseconds, or a wall-clock time in milliseconds since 1970. */
export type Millis = Unit<number, "ms">;
/** A block time: nanoseconds since 1970. */
export type Nanos = Unit<bigint, "ns">;
/** A ratio in millionths. */
export type Ppm = Unit<number, "ppm">;

export const millis = (value: number): Millis => value as Millis;
export const seconds = (value: number): Millis => (value * 1000) as Millis;
export const nanos = (value: bigint): Nanos => value as Nanos;
export const ppm = (value: number): Ppm => value as Ppm;

export const NANOS_PER_MILLI = 1_000_000n;
export const PPM = 1_000_000;
