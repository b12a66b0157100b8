import { unreachable } from "../../node/base/assert.ts";
import type { Fleets } from "../observe/fleet.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import type { Logger } from "../runtime/log.ts";
import type { Worked } from "../runtime/queue.ts";
import type { Item } from "../runtime/resource.ts";
import type { Span } from "../trace/span.ts";
import type { Tracer } from "../trace/tracer.ts";
import type { Action, Decision } from "./actions.ts";
import type { Applier } from "./apply.ts";
import type { OwnWrites } from "./own-writes.ts";

export type ReconcilerOptions = {
  readonly cluster: (clusterKey: string) => Item | undefined;
  readonly observe: (clusterKey: string) => Snapshot | undefined;
  readonly decide: (snapshot: Snapshot) => Decision;
  readonly apply: Applier;
  readonly ownWrites: OwnWrites;
  readonly fleets: Pick<Fleets, "begun" | "shown">;
  readonly log: Logger;
  readonly tracer: Tracer;
};

/** The watch wakes the cluster when it shows our writes; this is for when it never does. */
const UNSETTLED_MS = 1_000;
const CONFLICT_MS = 200;
const BUDGET_MS = 3_000;

/** One look at one cluster: observe, decide, apply. Waiting is a requeue, not an error. */
export function createReconciler(options: ReconcilerOptions): (clusterKey: string) => Promise<Worked> {
  const { cluster, observe, decide, apply, ownWrites, fleets, log, tracer } = options;
  const work = async (clusterKey: string, span: Span): Promise<Worked> => {
    if (!ownWrites.settled(clusterKey)) {
      span.set({ "hmn.outcome": "unsettled" });
      return { result: "requeue_after", againAfterMs: UNSETTLED_MS };
    }
    fleets.shown(clusterKey);
    const item = cluster(clusterKey);
    const read = span.child("read");
    const snapshot = observe(clusterKey);
    read.end();
    if (item === undefined || snapshot === undefined) {
      ownWrites.forget(clusterKey);
      return { result: "success" };
    }
    const decided = span.child("decide");
    const { actions, requeueAfterMs } = decide(snapshot);
    decided.set({ "hmn.actions": actions.length, "hmn.requeue_after_ms": requeueAfterMs });
    decided.end();
    // Before anybody else is looked at: two that see the same free place must not both take it.
    if (actions.some(beginsUpgrade)) fleets.begun(clusterKey);
    const outcome = await apply(item, clusterKey, actions, span);
    span.set({ "hmn.outcome": outcome.type });
    switch (outcome.type) {
      case "done":
        return { result: actions.length > 0 ? "requeue_after" : "success", againAfterMs: requeueAfterMs };
      case "budget":
        log.info(
          { cluster: clusterKey, pod: outcome.pod, message: outcome.message },
          "the budget allows no eviction now",
        );
        return { result: "requeue_after", againAfterMs: BUDGET_MS };
      case "conflict":
        log.debug({ cluster: clusterKey, message: outcome.message }, "decided on an old view");
        return { result: "requeue", againAfterMs: CONFLICT_MS };
      default:
        return unreachable(outcome);
    }
  };
  return async (clusterKey) => {
    const span = tracer("reconcile", { "hmn.cluster": clusterKey });
    try {
      const worked = await work(clusterKey, span);
      span.end();
      return worked;
    } catch (error) {
      span.end(error);
      throw error;
    }
  };
}

const beginsUpgrade = (action: Action): boolean => action.type === "create" && action.object.kind === "HmnRollout";
