import { SUM, SUMS } from "./accounts.ts";
import { TOKENS, tokenLedgers } from "./tokens.ts";

/**
 * What all accounts of a token add up to, kept with every booking: small changes in numbers, which run over into BigInts
 * before they could become inexact.
 */
export type RunningTotals = { readonly small: Float64Array; readonly large: bigint[] };

const PLACES = SUMS.length * (Math.max(...Object.values(TOKENS)) + 1);

export const runningTotals = (): RunningTotals => ({
  small: new Float64Array(PLACES),
  large: new Array<bigint>(PLACES).fill(0n),
});

/** Adds a change of less than 2⁵³ to a token's sum, which goes by its place. */
export function countSmall(totals: RunningTotals, token: number, sum: number, change: number): void {
  const at = token * SUMS.length + sum;
  const after = (totals.small[at] as number) + change;
  if (after <= Number.MAX_SAFE_INTEGER && after >= -Number.MAX_SAFE_INTEGER) {
    totals.small[at] = after;
    return;
  }
  count(totals, token, sum, BigInt(totals.small[at] as number));
  totals.small[at] = change;
}

export function count(totals: RunningTotals, token: number, sum: number, change: bigint): void {
  const at = token * SUMS.length + sum;
  totals.large[at] = (totals.large[at] as bigint) + change;
}

export const totalOf = (totals: RunningTotals, token: number, sum: number): bigint =>
  (totals.large[token * SUMS.length + sum] as bigint) + BigInt(totals.small[token * SUMS.length + sum] as number);

/** Double entry: what is debited of a token is credited, pending and posted. Asked once a block. */
export const isBalanced = (totals: RunningTotals): boolean =>
  tokenLedgers.every(
    (token) =>
      totalOf(totals, token, SUM.debitsPending) === totalOf(totals, token, SUM.creditsPending) &&
      totalOf(totals, token, SUM.debitsPosted) === totalOf(totals, token, SUM.creditsPosted),
  );
