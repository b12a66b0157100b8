import { assert } from "../base/assert.ts";
import { PPM } from "../base/units.ts";
import type { Parameters } from "./parameters.ts";

const BOND_COUNTED_MAX = 10n ** 11n;
/** With fewer members no fault is tolerated, and there is nothing to cap. */
export const CAP_FROM_MEMBERS = 4;

/** Weight before the cap, in ppm (domain.md, "Consensus, as far as users see it"): no stake, no weight, whatever Ψ. */
export function targetWeight({
  bond,
  psiPpm,
  parameters,
}: {
  bond: bigint;
  psiPpm: number;
  parameters: Pick<Parameters, "minimumBond" | "psiSharePpm">;
}): number {
  if (bond < parameters.minimumBond) return 0;
  const counted = bond < BOND_COUNTED_MAX ? bond : BOND_COUNTED_MAX;
  const million = BigInt(PPM);
  const share = parameters.psiSharePpm;
  const weight = (counted * ((million - share) * million + share * BigInt(psiPpm))) / 10n ** 17n;
  return weight < 1n ? 1 : Number(weight);
}

/** A tenth at most in either direction, and at least one. */
export function stepTowards(target: number, from: number): number {
  const step = Math.max(1, Math.floor(from / 10));
  return Math.min(Math.max(target, from - step), from + step);
}

/**
 * Keeps each validator below a third of the whole: for the smallest k of 1, 2 that works the k largest are cut to
 * ⌊(R − 1)/(3 − k)⌋, R the rest (consensus.md, rule 4). Equal weights are ranked by validator id.
 */
export function capWeights<T extends { readonly id: number; readonly weight: number }>(members: readonly T[]): T[] {
  if (members.length < CAP_FROM_MEMBERS || allBelowThird(members)) return [...members];
  const ranked = members.toSorted((a, b) => b.weight - a.weight || a.id - b.id);
  for (const cut of [1, 2]) {
    const rest = ranked.slice(cut).reduce((sum, member) => sum + member.weight, 0);
    const cap = Math.floor((rest - 1) / (3 - cut));
    const largest = new Set(ranked.slice(0, cut).map((member) => member.id));
    const capped = members.map((member) =>
      largest.has(member.id) ? { ...member, weight: Math.min(member.weight, cap) } : member,
    );
    if (allBelowThird(capped) && capped.every((member) => member.weight > 0)) return capped;
  }
  assert(false, "cutting two validators keeps each below a third");
}

function allBelowThird(members: readonly { readonly weight: number }[]): boolean {
  const total = members.reduce((sum, member) => sum + member.weight, 0);
  return members.every((member) => 3 * member.weight < total);
}
