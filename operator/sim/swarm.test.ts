import { expect, test } from "vitest";
import { CANARIES } from "./canaries.ts";
import { runSwarm } from "./swarm.ts";

/** A failing seed is replayed by `npm run sim -- operator --seed S --storm 200`. */
const STORM = 200;

test.each([1, 2, 3, 4])("seed %i comes right, and twice in the same way", (seed) => {
  const { violation, trace } = runSwarm({ seed, storm: STORM });
  expect(violation).toBeUndefined();
  expect(runSwarm({ seed, storm: STORM }).trace).toBe(trace);
});

/** Those that a few seeds catch; the others take `npm run sim -- operator --canaries`. */
const QUICK = Object.entries(CANARIES).filter(([, { seeds }]) => seeds <= 5);

test.each(QUICK)("canary: %s", (_, { seeds, breaks }) => {
  const caught = Array.from({ length: seeds }, (_each, index) => index + 1).some(
    (seed) => runSwarm({ seed, storm: STORM, canary: breaks }).violation !== undefined,
  );
  expect(caught).toBe(true);
});
