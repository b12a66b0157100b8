import { assert, present } from "../base/assert.ts";
import type { Committee } from "../codec/certificate.ts";

/** Slots in the list per member: fine enough for shares of a hundredth, small enough to be made at once. */
const SLOTS_PER_MEMBER = 16;

/**
 * Who leads which view: a fixed list in proportion to the weights, every member's slots spread evenly (smooth weighted
 * round robin: each slot everyone gains their weight, the richest leads and pays the total; ties go to the lower id).
 */
export function leaderList(committee: Committee): readonly number[] {
  const { members, totalWeight } = committee;
  assert(members.length > 0, "a committee has members");
  const credit = members.map(() => 0);
  return Array.from({ length: members.length * SLOTS_PER_MEMBER }, () => {
    let best = 0;
    members.forEach((member, index) => {
      credit[index] = (credit[index] ?? 0) + member.weight;
      if ((credit[index] ?? 0) > (credit[best] ?? 0)) best = index;
    });
    credit[best] = (credit[best] ?? 0) - totalWeight;
    return present(members[best], "the richest is a member").id;
  });
}

/** Views count from 1. */
export const leaderOf = (list: readonly number[], view: number): number =>
  present(list[(view - 1) % list.length], "the list has a leader for every view");
