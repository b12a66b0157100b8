import type { NodeStatus } from "../../node/api/contract.ts";
import { canonicalJson } from "../desired/hash.ts";
import type { View } from "../rollout/view.ts";

/**
 * What more than half of the voting weight says of something in their status: one liar must not decide it. Undefined while
 * they differ, as they do for a moment after each block, or cannot be read.
 */
export function agreed<T>(view: View, of: (status: NodeStatus) => T | undefined): T | undefined {
  const told = new Map<string, { value: T; weight: number }>();
  for (const { voting, status, weight } of view.nodes) {
    const value = voting && status !== undefined ? of(status) : undefined;
    if (value === undefined) continue;
    const key = canonicalJson(value);
    told.set(key, { value, weight: (told.get(key)?.weight ?? 0) + weight });
  }
  return [...told.values()].find(({ weight }) => 2 * weight > view.totalWeight)?.value;
}
