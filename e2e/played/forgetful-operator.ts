import { appendFileSync, existsSync, readFileSync } from "node:fs";
import type { Mind } from "../../operator/operator.ts";
import { runOperator } from "../../operator/process.ts";
import type { Action } from "../../operator/reconcile/actions.ts";
import { decide } from "../../operator/reconcile/decide.ts";

/** Beside its kubeconfig, so that the next operator of a session finds it. */
const JOURNAL = `${process.argv[process.argv.indexOf("--kubeconfig") + 1]}.done`;

/**
 * A canary: broken on purpose. It notes each NetworkPolicy as done before it applies it, and what it finds noted when it starts it
 * does not do again. As long as nobody kills it, it is as good as the right one. Of one kind alone, without which a network comes up
 * all the same: an end that never comes would take long to be told from another one.
 */
function forgetful(mind: Mind): Mind {
  const done = new Set(existsSync(JOURNAL) ? readFileSync(JOURNAL, "utf8").split("\n") : []);
  const isNoted = (action: Action): boolean => action.type === "apply" && action.object.kind === "NetworkPolicy";
  return (snapshot) => {
    const { actions, requeueAfterMs } = mind(snapshot);
    const left = actions.filter((action) => !done.has(JSON.stringify(action)));
    appendFileSync(
      JOURNAL,
      left
        .filter(isNoted)
        .map((action) => `${JSON.stringify(action)}\n`)
        .join(""),
    );
    return { actions: left, requeueAfterMs };
  };
}

runOperator(forgetful(decide));
