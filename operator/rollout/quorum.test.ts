import { expect, test } from "vitest";
import { gate, isQuorum, moveOrder, nextToMove, tolerated } from "./quorum.ts";
import type { NodeView, View } from "./view.ts";

const node = (id: number, voting: boolean, weight = 100): NodeView => ({
  id,
  incarnation: 0,
  statefulSet: undefined,
  templateRevision: undefined,
  pod: undefined,
  podUid: "",
  podRevision: undefined,
  stopping: false,
  podReady: voting,
  host: "",
  reading: undefined,
  status: undefined,
  weight,
  caughtUp: voting,
  voting,
  problem: undefined,
});
const view = (...nodes: readonly NodeView[]): Pick<View, "nodes" | "voters" | "totalWeight"> => ({
  nodes,
  voters: nodes.map(({ id, weight }) => ({ id, weight, publicKey: "" })),
  totalWeight: nodes.reduce((sum, { weight }) => sum + weight, 0),
});

test("a quorum is strictly more than two thirds", () => {
  expect(isQuorum(200, 300)).toBe(false);
  expect(isQuorum(201, 300)).toBe(true);
  expect(isQuorum(0, 0)).toBe(false);
  expect([4, 5, 6, 7, 10].map(tolerated)).toEqual([1, 1, 1, 2, 3]);
});

test("the gate counts the weight of the others that vote", () => {
  expect(gate(view(node(0, true), node(1, true), node(2, true), node(3, true)), 0)).toBeUndefined();
  expect(gate(view(node(0, true), node(1, false), node(2, true), node(3, true)), 0)).toContain("node 1 is not ready");
  // Three of four by number, but not by weight.
  expect(gate(view(node(0, true, 160), node(1, true), node(2, true), node(3, true)), 0)).toBeDefined();
  expect(gate(view(node(0, true, 160), node(1, true), node(2, true), node(3, true)), 1)).toBeUndefined();
});

test("if nobody can be read, nobody moves", () => {
  expect(gate({ nodes: [], totalWeight: 0 }, 0)).toContain("no node can be read");
});

test("order: not voting, then lightest, then by id", () => {
  const nodes = [node(0, true, 90), node(1, true, 80), node(2, true, 80), node(3, false, 200)];
  expect(moveOrder(nodes).map(({ id }) => id)).toEqual([3, 1, 2, 0]);
  expect(nextToMove(nodes, [3, 1])?.id).toBe(2);
  expect(nextToMove(nodes, [3, 1, 2, 0])).toBeUndefined();
});
