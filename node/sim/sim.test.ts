import { describe, expect, it } from "vitest";
import { CANARIES } from "./canaries.ts";
import { addFaults, FAULTS, noFaults } from "./faults.ts";
import { runSeed } from "./run.ts";

const STORM_MS = 12_000;
const LONG_STORM_MS = 45_000;

describe("a network under a seed", () => {
  const totals = noFaults();

  // Chosen so that together they meet every fault: equal and unequal stakes, liars, a lost journal.
  it.each([1, 2, 3, 4, 5, 6, 7, 8])("comes through the storm, twice the same (seed %i)", (seed) => {
    const report = runSeed({ seed, stormMs: STORM_MS });
    const again = runSeed({ seed, stormMs: STORM_MS });
    const replay = `replay it: npm run sim -- --seed ${seed} --storm ${STORM_MS / 1000}`;
    expect(report.violation, replay).toBeUndefined();
    expect(again.traceHash, replay).toBe(report.traceHash);
    expect(report.acknowledged, replay).toBeGreaterThan(10);
    addFaults(totals, report.faults);
  });

  // Longer: blocks are let go, and whoever loses its volume comes back by a peer's snapshot, and loses it again.
  it.each([3, 17, 23, 36, 60])("comes back from a lost volume (seed %i)", (seed) => {
    const { violation, faults } = runSeed({ seed, stormMs: LONG_STORM_MS, shape: { amnesiac: true } });
    expect(violation).toBeUndefined();
    addFaults(totals, faults);
  });

  // A liar that is the first peer of whoever wants to join (seed 1).
  it.each([
    { seed: 4, shape: { nodes: 5 } },
    { seed: 1, shape: {} },
  ])(
    "lets a validator leave and come back, and a stranger join, and raises its state version (seed $seed)",
    ({ seed, shape }) => {
      const { violation, faults } = runSeed({ seed, stormMs: LONG_STORM_MS, shape: { ...shape, orders: true } });
      expect(violation).toBeUndefined();
      addFaults(totals, faults);
    },
  );

  it("measures the same coherence and mints by it, epoch after epoch (seed 2)", () => {
    const report = runSeed({ seed: 2, stormMs: 2_000, untilEpoch: 8 });
    expect(report.violation, "seed 2 until epoch 8").toBeUndefined();
    expect(report.faults.mint).toBeGreaterThan(0);
    addFaults(totals, report.faults);
  });

  // Five validators, one of them lying about the others, one cut off for three epochs: it loses weight, within the bound.
  it("keeps Ω in the honest range, and honest weight above its bound (seed 1)", () => {
    const shape = { nodes: 5, byzantine: true, denied: true };
    const { violation, faults } = runSeed({ seed: 1, stormMs: 32_000, untilEpoch: 7, shape });
    expect(violation, "seed 1 under denial of service").toBeUndefined();
    expect(faults["mesh agreement proved"]).toBeGreaterThan(0);
    addFaults(totals, faults);
  });

  // Blocks come at a pace of their own for long enough to compare how the validators saw them.
  it("anchors what two replicas vouch for, one of five validators lying (seed 3)", () => {
    const shape = { nodes: 5, byzantine: true, emptyBlockMs: 150 };
    const { violation, faults } = runSeed({ seed: 3, stormMs: 2_000, untilEpoch: 7, shape });
    expect(violation, "seed 3 with blocks every 150 ms").toBeUndefined();
    expect(faults["entry anchored"]).toBeGreaterThan(0);
    addFaults(totals, faults);
  });

  it("met every kind of fault", () => {
    expect(FAULTS.filter((fault) => totals[fault] === 0)).toEqual([]);
  });
});

describe("the checkers see a network in which", () => {
  it.each(CANARIES)("$name (within $seeds seeds)", ({ broken, caughtBy, seeds }) => {
    const seen: string[] = [];
    for (let seed = 1; seed <= seeds; seed++) {
      const { violation } = runSeed({ ...broken, seed, stormMs: STORM_MS });
      if (violation === undefined) continue;
      seen.push(violation);
      if (caughtBy.some((checker) => violation.startsWith(`${checker}:`))) return;
    }
    expect.fail(`no seed up to ${seeds} was caught by ${caughtBy.join(" or ")}: ${JSON.stringify(seen)}`);
  });
});
