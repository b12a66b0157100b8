import { assert } from "./assert.ts";

/** Fractional bits of `log2Fixed` (domain.md, "Arithmetic"). */
export const LOG2_FRACTION_BITS = 32;

/** ⌊√value⌋ of a whole number that is not negative. */
export function isqrt(value: bigint): bigint {
  assert(value >= 0n, "a square root is of a number that is not negative");
  if (value < 2n) return value;
  // Newton from above falls until it has passed the root, and stops there.
  let root = 1n << BigInt(Math.ceil(bitLength(value) / 2));
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** ⌊log₂(value) · 2³²⌋ of a whole number from 1 on, exact in the last digit. */
export function log2Fixed(value: bigint): bigint {
  assert(value >= 1n, "a logarithm is of a number from 1 on");
  const whole = bitLength(value) - 1;
  // Only powers of two have logarithms on the grid, and those are exact; any other is told from its neighbours by enough bits.
  for (let bits = 64; ; bits *= 2) {
    const fraction = log2Fraction(value, whole, BigInt(bits));
    if (fraction !== undefined) return (BigInt(whole) << BigInt(LOG2_FRACTION_BITS)) + fraction;
  }
}

/**
 * The fraction's bits by repeated squaring (Knuth, TAOCP 1, 1.2.2, exercise 25), from a bound below and one above with so
 * many bits each; undefined if the two come apart, as then the bits were too few.
 */
function log2Fraction(value: bigint, whole: number, bits: bigint): bigint | undefined {
  const two = 2n << bits;
  let low = (value << bits) >> BigInt(whole);
  let high = ceilShift(value << bits, BigInt(whole));
  let fraction = 0n;
  for (let bit = 0; bit < LOG2_FRACTION_BITS; bit++) {
    low = (low * low) >> bits;
    high = ceilShift(high * high, bits);
    fraction <<= 1n;
    if (low >= two) {
      fraction |= 1n;
      low >>= 1n;
      high = ceilShift(high, 1n);
    } else if (high >= two) return undefined;
  }
  return fraction;
}

const ceilShift = (value: bigint, bits: bigint): bigint => (value + (1n << bits) - 1n) >> bits;

const bitLength = (value: bigint): number => {
  const digits = value.toString(16);
  return 4 * (digits.length - 1) + (32 - Math.clz32(Number.parseInt(digits.charAt(0), 16)));
};
