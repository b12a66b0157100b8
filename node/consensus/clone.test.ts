import { describe, expect, it } from "vitest";
import { cloneState } from "./clone.ts";
import { createNetwork, runFor, runUntil } from "./test-network.ts";
import { nodeOf } from "./test-node.ts";

const FOUR = { 0: 10, 1: 10, 2: 10, 3: 10 };

describe("a cloned state", () => {
  it("is equal, and stays as it is while the other goes on", () => {
    const network = createNetwork({ members: () => FOUR, epochMs: 100 });
    network.loses = ({ message }) => message.type === "vote" && message.vote.ballot.kind === "finalize";
    runUntil(network, () => nodeOf(network, 1).state.view > 5);
    const { state } = nodeOf(network, 1);
    const clone = cloneState(state);
    const again = cloneState(clone);
    expect(clone).toEqual(state);
    network.loses = () => false;
    runUntil(network, () => state.epoch === 2);
    runFor(network, 100);
    expect(clone).toEqual(again);
    expect(clone.epoch).toBe(1);
  });

  it("shares no map, set or view with the other", () => {
    const network = createNetwork({ members: () => FOUR });
    runUntil(network, () => nodeOf(network, 1).state.view > 3);
    const { state } = nodeOf(network, 1);
    const clone = cloneState(state);
    for (const key of Object.keys(state) as (keyof typeof state)[]) {
      const value = state[key];
      if (value instanceof Map || value instanceof Set) expect(clone[key], key).not.toBe(value);
    }
    for (const [number, view] of state.views) {
      const copy = clone.views.get(number);
      expect(copy).not.toBe(view);
      expect([copy?.tallies === view.tallies, copy?.heard === view.heard, copy?.own === view.own]).toEqual([
        false,
        false,
        false,
      ]);
    }
  });
});
