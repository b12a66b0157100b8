import type { RolloutSpec } from "../api/rollout.ts";
import { tolerated } from "./quorum.ts";

/**
 * Nodes on the new release at the end of each phase. The first phase moves at most what the cluster tolerates to lose, and
 * below 100 % one node always stays on the old release to compare with. 20/80/100 gives 1/3/4, 1/4/5, 1/5/6, 2/6/7, ...
 */
export function phaseCounts(
  phases: readonly Pick<RolloutSpec["phases"][number], "percent" | "soakSeconds">[],
  n: number,
): readonly number[] {
  let reached = 0;
  return phases.map(({ percent }, index) => {
    const share = Math.floor((percent * n + 99) / 100);
    const bounded = percent === 100 ? n : Math.min(share, n - 1);
    reached = Math.max(reached, index === 0 && phases.length > 1 ? Math.min(bounded, tolerated(n)) : bounded);
    return reached;
  });
}
