import { assert } from "../base/assert.ts";

/** A part of an issue, in the smallest unit. */
export type Share = { readonly id: number; readonly amount: bigint };

/**
 * Divides a total in proportion to the claims: each gets ⌊total·claim/sum⌋, and what is left goes one by one to the largest
 * remainders, equal ones by id. In the order of the claims; nobody where no one has a claim.
 */
export function divide(
  total: bigint,
  claims: readonly { readonly id: number; readonly claim: bigint }[],
): readonly Share[] {
  const sum = claims.reduce((all, { claim }) => all + claim, 0n);
  if (sum === 0n) return [];
  const parts = claims.map(({ id, claim }) => ({
    id,
    amount: (total * claim) / sum,
    remainder: (total * claim) % sum,
  }));
  const left = total - parts.reduce((given, { amount }) => given + amount, 0n);
  assert(left < BigInt(parts.length), "flooring leaves less than one for each");
  const first = parts
    .toSorted((a, b) => (a.remainder === b.remainder ? a.id - b.id : a.remainder > b.remainder ? -1 : 1))
    .slice(0, Number(left));
  const raised = new Set(first.map(({ id }) => id));
  return parts.map(({ id, amount }) => ({ id, amount: raised.has(id) ? amount + 1n : amount }));
}
