import type { NodeView, View } from "./view.ts";

/** Strictly more than two thirds of the total weight. */
export const isQuorum = (weight: number, total: number): boolean => total > 0 && 3 * weight > 2 * total;

export const votingWeight = (nodes: readonly NodeView[]): number =>
  nodes.reduce((sum, node) => sum + (node.voting ? node.weight : 0), 0);

export const quorumServes = (view: View): boolean => isQuorum(votingWeight(view.nodes), view.totalWeight);

/** The number of faulty nodes that n equal ones tolerate. */
export const tolerated = (n: number): number => Math.floor((n - 1) / 3);

/**
 * Whether a node may be moved: the weight of the *others* that vote, are Ready and caught up is a quorum without it. A node
 * that cannot be read counts as absent. Undefined means yes; otherwise the text says what is missing.
 */
export function gate(view: View, id: number): string | undefined {
  if (view.totalWeight === 0) return "no node can be read, so nobody knows what a quorum is";
  const others = view.nodes.filter((node) => node.id !== id);
  if (isQuorum(votingWeight(others), view.totalWeight)) return undefined;
  const missing = others.filter((node) => node.weight > 0 && !node.voting).map((node) => node.id);
  return `without node ${id} there would be no quorum while node${missing.length === 1 ? "" : "s"} ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not ready, voting and caught up`;
}

/** Order in which nodes move: those that do not vote first, then the lightest, ties by id. */
export const moveOrder = (nodes: readonly NodeView[]): readonly NodeView[] =>
  nodes.toSorted((a, b) => Number(a.voting) - Number(b.voting) || a.weight - b.weight || a.id - b.id);
