import type { ClusterObject } from "../observe/snapshot.ts";
import { isQuorum, moveOrder, type Voter, votingWeight } from "../rollout/quorum.ts";

/** The validators' weights, and what they make of a quorum; from the status alone. */
export type Quorum = {
  readonly nodes: readonly Voter[];
  readonly totalWeight: number;
  readonly votingWeight: number;
  /** The least weight that is a quorum. */
  readonly needed: number;
  readonly serves: boolean;
  /** How many more may fail, the heaviest first, before no quorum is left. */
  readonly bearable: number;
};

export function quorumOf(cluster: ClusterObject): Quorum {
  const nodes: readonly Voter[] = cluster.status.validators ?? [];
  const totalWeight = nodes.reduce((sum, { weight }) => sum + weight, 0);
  const weight = votingWeight(nodes);
  let bearable = 0;
  let left = weight;
  for (const node of moveOrder(nodes.filter(({ voting }) => voting)).toReversed()) {
    left -= node.weight;
    if (!isQuorum(left, totalWeight)) break;
    bearable += 1;
  }
  return {
    nodes,
    totalWeight,
    votingWeight: weight,
    needed: Math.floor((2 * totalWeight) / 3) + 1,
    serves: isQuorum(weight, totalWeight),
    bearable,
  };
}

/** The quorum in one sentence. */
export function quorumText({ totalWeight, votingWeight: weight, needed, serves, bearable }: Quorum): string {
  if (totalWeight === 0) return "no weights are known yet: the network has no genesis, or no validator could be read";
  const sum = `weight ${weight} of ${totalWeight} votes, ${needed} is needed`;
  if (!serves) return `NO QUORUM: ${sum}; clients wait, nothing confirmed is lost`;
  if (bearable === 0) return `a quorum serves: ${sum}; not one more validator may fail`;
  return `a quorum serves: ${sum}; ${bearable} more ${bearable === 1 ? "validator" : "validators"} may fail`;
}
