import type { NodeView } from "./view.ts";

/** What a quorum asks of a node: its weight, and whether that counts now. */
export type Voter = Pick<NodeView, "id" | "weight" | "voting">;
type Voters = { readonly nodes: readonly Voter[]; readonly totalWeight: number };

/** Strictly more than two thirds of the total weight. */
export const isQuorum = (weight: number, total: number): boolean => total > 0 && 3 * weight > 2 * total;

export const votingWeight = (nodes: readonly Voter[]): number =>
  nodes.reduce((sum, node) => sum + (node.voting ? node.weight : 0), 0);

export const quorumServes = (view: Voters): boolean => isQuorum(votingWeight(view.nodes), view.totalWeight);

/** The number of faulty nodes that n equal ones tolerate. */
export const tolerated = (n: number): number => Math.floor((n - 1) / 3);

/**
 * Whether a node may be moved: the weight of the *others* that vote, are Ready and caught up is a quorum without it. A node
 * that cannot be read counts as absent. Undefined means yes; otherwise the text says what is missing.
 */
export function gate(view: Voters, id: number): string | undefined {
  if (view.totalWeight === 0) return "no node can be read, so nobody knows what a quorum is";
  const others = view.nodes.filter((node) => node.id !== id);
  if (isQuorum(votingWeight(others), view.totalWeight)) return undefined;
  const missing = others.filter((node) => node.weight > 0 && !node.voting).map((node) => node.id);
  return `without node ${id} there would be no quorum while node${missing.length === 1 ? "" : "s"} ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not ready, voting and caught up`;
}

/** Order in which nodes move: those that do not vote first, then the lightest, ties by id. */
export const moveOrder = <Node extends Voter>(nodes: readonly Node[]): readonly Node[] =>
  nodes.toSorted((a, b) => Number(a.voting) - Number(b.voting) || a.weight - b.weight || a.id - b.id);

/** The node that an upgrade moves next; undefined when all have been moved. */
export const nextToMove = <Node extends Voter>(nodes: readonly Node[], moved: readonly number[]): Node | undefined =>
  moveOrder(nodes.filter((node) => !moved.includes(node.id)))[0];
