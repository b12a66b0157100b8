import { describe, expect, it } from "vitest";
import { scenarioOf } from "./scenario.ts";
import { argumentsOf, type Case, shrink } from "./shrink.ts";
import { FAULT_KINDS } from "./weather.ts";

describe("a failing seed", () => {
  it("is left with what it needs to fail, and the command that replays it", () => {
    const failing: Case = { seed: 9, stormMs: 60_000, shape: {} };
    const needsLossAndStops = ({ stormMs, shape: { without = [] } }: Case): boolean =>
      stormMs >= 5_000 && !without.includes("loss") && !without.includes("stops");
    const small = shrink(failing, needsLossAndStops);
    expect(needsLossAndStops(small)).toBe(true);
    expect(small.stormMs).toBeLessThan(10_000);
    const rest = FAULT_KINDS.filter((kind) => kind !== "loss" && kind !== "stops");
    expect(small.shape.without?.toSorted()).toEqual(rest.toSorted());
    expect(argumentsOf(small)).toBe(
      `--seed 9 --storm ${small.stormMs / 1000} --nodes 4 --without ${small.shape.without}`,
    );
  });

  it("stays as it is where nothing can be left out", () => {
    const failing: Case = { seed: 9, stormMs: 1_000, shape: { nodes: 4 } };
    expect(shrink(failing, () => false)).toEqual(failing);
  });
});

describe("the weather of a seed", () => {
  const seeds = Array.from({ length: 60 }, (_, seed) => scenarioOf(seed, 1_000));

  it("has some kinds of fault and not others, at many rates", () => {
    const mixes = new Set(
      seeds.map(({ acts, lossIn, duplicateIn, slowIn }) => `${acts} ${lossIn} ${duplicateIn} ${slowIn}`),
    );
    expect(mixes.size).toBeGreaterThan(50);
    for (const act of ["partition", "crash", "crash-all", "stop", "clock-jump"] as const) {
      const count = seeds.filter(({ acts }) => acts.includes(act)).length;
      expect(count).toBeGreaterThan(20);
      expect(count).toBeLessThan(60);
    }
  });

  it("has nothing of what it is to be without, and is otherwise the same", () => {
    for (let seed = 0; seed < 20; seed++) {
      const calm = scenarioOf(seed, 1_000, { without: FAULT_KINDS });
      expect([calm.byzantine, calm.amnesiac, new Set(calm.acts)]).toEqual([undefined, undefined, new Set(["nothing"])]);
      expect(calm.lossIn).toBeGreaterThan(1e9);
      const quiet = scenarioOf(seed, 1_000, { without: ["loss"] });
      expect(quiet).toEqual({ ...scenarioOf(seed, 1_000), lossIn: quiet.lossIn });
    }
  });
});
