import { describe, expect, it } from "vitest";
import { committeeOf } from "../codec/certificate.ts";
import { leaderList, leaderOf } from "./leaders.ts";

const list = (weights: readonly number[]): readonly number[] =>
  leaderList(committeeOf(weights.map((weight, id) => ({ id, weight, publicKey: "0".repeat(64) }))));

describe("leaders", () => {
  it("take turns when they weigh the same", () => {
    expect(list([5, 5, 5, 5]).slice(0, 8)).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
  });

  it.each([{ weights: [300, 300, 200, 100, 100] }, { weights: [7, 1, 5, 3] }, { weights: [999, 1, 999, 999] }])(
    "lead in proportion to $weights, never off by a whole slot at any point",
    ({ weights }) => {
      const leaders = list(weights);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      for (let length = 1; length <= leaders.length; length++) {
        for (const [id, weight] of weights.entries()) {
          const slots = leaders.slice(0, length).filter((leader) => leader === id).length;
          expect(Math.abs(slots - (length * weight) / total)).toBeLessThan(1);
        }
      }
    },
  );

  it("begin again with the list when it ends", () => {
    const leaders = list([1, 1, 1, 1]);
    expect(leaderOf(leaders, 1)).toBe(0);
    expect(leaderOf(leaders, leaders.length + 2)).toBe(1);
  });
});
