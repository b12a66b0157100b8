import { expect, test } from "vitest";
import { addSample, noDisruptions } from "./disruptions.ts";

/** A pod that is replaced gets another uid. */
const look = (ready: readonly boolean[], { atMs = 0, uid = "one", deleting = false, restarts = 0 } = {}) => ({
  atMs,
  validators: 4,
  pods: ready.map((isReady, validator) => ({
    ...{ validator, ready: isReady, revision: isReady ? "a" : "b" },
    ...(isReady ? { uid: "one", deleting: false, restarts: 0 } : { uid, deleting, restarts }),
  })),
});
const ALL = [true, true, true, true];

test("one node down after another is not an overlap", () => {
  const seen = [
    look(ALL),
    look([false, true, true, true], { uid: "two" }),
    look([true, false, true, true], { uid: "two" }),
  ].reduce(addSample, noDisruptions);
  expect(seen).toMatchObject({ samples: 3, mostDown: 1, overlaps: [], mostRevisions: 2 });
});

test("a process that goes on, and is not Ready for a moment, is not down; one that stops or began anew is, and so is a long moment", () => {
  const then = (second: ReturnType<typeof look>) => [look(ALL), second].reduce(addSample, noDisruptions).mostDown;
  const one = [true, true, false, true];
  expect(then(look(one, { atMs: 4_900 }))).toBe(0);
  expect(then(look(one, { atMs: 5_000 }))).toBe(1);
  expect(then(look(one, { atMs: 1, deleting: true }))).toBe(1);
  expect(then(look(one, { atMs: 1, restarts: 1 }))).toBe(1);
  expect(then(look(one, { atMs: 1, uid: "two" }))).toBe(1);
});

test("two nodes down at once are found, a missing pod counting as down", () => {
  const seen = addSample(noDisruptions, look([true, false, true], { atMs: 7 }));
  expect(seen).toMatchObject({ samples: 1, mostDown: 2, overlaps: [{ atMs: 7, down: [1, 3] }], mostRevisions: 2 });
});
