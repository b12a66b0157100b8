import { expect, test } from "vitest";
import { addSample, noDisruptions } from "./disruptions.ts";

const look = (ready: readonly boolean[], atMs = 0) => ({
  atMs,
  validators: 4,
  pods: ready.map((isReady, validator) => ({ validator, ready: isReady, revision: isReady ? "a" : "b" })),
});

test("one node down after another is not an overlap", () => {
  const seen = [
    look([true, true, true, true]),
    look([false, true, true, true]),
    look([true, false, true, true]),
  ].reduce(addSample, noDisruptions);
  expect(seen).toEqual({ samples: 3, mostDown: 1, overlaps: [], mostRevisions: 2 });
});

test("two nodes down at once are found, a missing pod counting as down", () => {
  const seen = addSample(noDisruptions, look([true, false, true], 7));
  expect(seen).toEqual({ samples: 1, mostDown: 2, overlaps: [{ atMs: 7, down: [1, 3] }], mostRevisions: 2 });
});
