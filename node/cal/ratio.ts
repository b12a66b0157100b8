import { assert } from "../base/assert.ts";
import { PPM } from "../base/units.ts";

/** With a whole up to here every product below stays under 2⁵³. */
const WHOLE_MAX = 8_000_000_000_000;

/**
 * ⌊10⁶·part/whole⌋ of whole numbers with 0 ≤ part ≤ whole ≤ 8·10¹², whole > 0; exact, without big integers. ⌊a/b⌋ of two
 * doubles is the true one where a + b < 2⁵³: the gap 1/b below the next whole number is wider than the rounding. So the
 * million comes in two thousands.
 */
export function ratioPpm(part: number, whole: number): number {
  assert(part >= 0 && part <= whole && whole > 0 && whole <= WHOLE_MAX, "a ratio is of a part and its whole");
  const thousandths = Math.floor((part * 1_000) / whole);
  const rest = part * 1_000 - thousandths * whole;
  return thousandths * 1_000 + Math.floor((rest * 1_000) / whole);
}

/** The product of two ratios, ⌊a·b/10⁶⌋. */
export const productPpm = (a: number, b: number): number => Math.floor((a * b) / PPM);

export const isPpm = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= PPM;
