import { expect, test } from "vitest";
import type { Snapshot } from "../observe/snapshot.ts";
import { fakeItem, memoryLog } from "../runtime/fake-api.ts";
import { noSpan } from "../trace/span.ts";
import type { Action } from "./actions.ts";
import type { Outcome } from "./apply.ts";
import { createReconciler } from "./reconciler.ts";

const event: Action = { type: "event", about: "HmnCluster", severity: "Normal", reason: "X", message: "x" };

/** A reconciler whose surroundings are given; tells what it did. */
function reconciler(given: { settled?: boolean; exists?: boolean; actions?: readonly Action[]; outcome?: Outcome }) {
  const { settled = true, exists = true, actions = [], outcome = { type: "done" } } = given;
  const did: string[] = [];
  const work = createReconciler({
    cluster: () => (exists ? fakeItem("c", "1") : undefined),
    observe: () => (exists ? ({ now: 1 } as Snapshot) : undefined),
    decide: () => {
      did.push("decide");
      return { actions, requeueAfterMs: 5_000 };
    },
    apply: async (_, key, list) => {
      did.push(`apply ${key} ${list.length}`);
      return outcome;
    },
    ownWrites: { expect: () => undefined, settled: () => settled, forget: (key) => did.push(`forget ${key}`) },
    fleets: { begun: (key) => did.push(`begun ${key}`), shown: () => undefined },
    log: memoryLog(),
    tracer: () => noSpan,
  });
  return { work, did };
}

test.each([
  ["nothing to do", {}, { result: "success", againAfterMs: 5_000 }],
  ["something done", { actions: [event] }, { result: "requeue_after", againAfterMs: 5_000 }],
  [
    "the budget forbids it",
    { actions: [event], outcome: { type: "budget", pod: "p", message: "m" } },
    { result: "requeue_after", againAfterMs: 3_000 },
  ],
  [
    "an old view",
    { actions: [event], outcome: { type: "conflict", message: "m" } },
    { result: "requeue", againAfterMs: 200 },
  ],
] as const)("%s: looks again when it is time", async (_, given, worked) => {
  const { work, did } = reconciler(given);
  expect(await work("a/c")).toEqual(worked);
  expect(did[0]).toBe("decide");
});

test("decides nothing while the watches have not shown its own writes", async () => {
  const { work, did } = reconciler({ settled: false });
  expect(await work("a/c")).toEqual({ result: "requeue_after", againAfterMs: 1_000 });
  expect(did).toEqual([]);
});

test("a cluster that is gone is forgotten", async () => {
  const { work, did } = reconciler({ exists: false });
  expect(await work("a/c")).toEqual({ result: "success" });
  expect(did).toEqual(["forget a/c"]);
});

test("an upgrade counts from the moment that it is decided on", async () => {
  const object = { apiVersion: "hmn.dev/v1alpha1", kind: "HmnRollout", metadata: { name: "c-2" } };
  const { work, did } = reconciler({ actions: [{ type: "create", object }] });
  await work("a/c");
  expect(did).toEqual(["decide", "begun a/c", "apply a/c 1"]);
});
