import { claim, claimEqual } from "../kit/claim.ts";
import { isReady, untilCluster } from "../kit/cluster-state.ts";
import { sleep } from "../kit/duration.ts";
import { followRollout, inState } from "../kit/follow.ts";
import { conditionOf, isTrue } from "../kit/objects.ts";
import { FIRST } from "../kit/releases.ts";
import type { View } from "../kit/view.ts";
import { MOST_IN_PHASE } from "./phases.ts";
import type { Scenario } from "./scenario.ts";
import { VALIDATORS } from "./stage.ts";

export const bringUp: Scenario = {
  name: "bring-up",
  on: "releases",
  asserts: [
    "one YAML becomes four Ready validators on 1.0.0, through an HmnRollout of kind FirstDeployment that ends Succeeded",
    "no more validators exist in a phase than the phase allows (1, 3, 4)",
    "Ready and Available are True for the current generation; there is a chain id; nothing is waited for",
    "clients are served: transfers are acknowledged, and ServiceLevelsMet becomes True",
  ],
  run: async ({ stage, progress }) => {
    const view = await stage.begin(progress);
    const counting = countByPhase(view);
    try {
      const rollout = await followRollout(view, {
        number: 1,
        until: inState("Succeeded"),
        what: "the first deployment",
        progress,
      });
      claimEqual(rollout.spec.kind, "FirstDeployment", "kind of the first rollout");
    } finally {
      await counting.stop();
    }
    const cluster = await untilCluster(view, "HmnCluster Ready", isReady, { progress });
    for (const { phase, most } of counting.seen())
      claim(
        most <= (MOST_IN_PHASE[phase] ?? VALIDATORS),
        `at most ${MOST_IN_PHASE[phase]} validators in phase ${phase}`,
        most,
      );
    claim(counting.seen().length >= 2, "validators were counted in more than one phase", counting.seen());
    const pods = await view.pods();
    claimEqual(
      pods.map((pod) => pod.validator),
      [0, 1, 2, 3],
      "validators that have a pod",
    );
    claim(
      pods.every((pod) => pod.ready && pod.image === FIRST.image),
      "all pods Ready on 1.0.0",
      pods,
    );
    claimEqual(conditionOf(cluster, "Available")?.status, "True", "condition Available");
    claimEqual(cluster.status.currentVersion, FIRST.version, "status.currentVersion");
    claimEqual(cluster.status.readyValidators, VALIDATORS, "status.readyValidators");
    claim((cluster.status.chainId ?? "") !== "", "status.chainId is set", cluster.status.chainId ?? "");
    claimEqual(cluster.status.waitingFor, undefined, "status.waitingFor");
    await stage.employ(progress);
    // Without clients there is nothing to measure; with them there is.
    await untilCluster(view, "condition ServiceLevelsMet", (one) => isTrue(one, "ServiceLevelsMet"), { progress });
  },
};

/** The most pods seen in each phase. Pods are read first: a phase only grows, so a count is never blamed on too low a phase. */
function countByPhase(view: View) {
  const abort = new AbortController();
  const most = new Map<number, number>();
  const counting = (async () => {
    while (!abort.signal.aborted) {
      try {
        const count = (await view.pods()).length;
        const phase = (await view.rollouts()).at(0)?.status.phase ?? 0;
        most.set(phase, Math.max(most.get(phase) ?? 0, count));
      } catch {
        // A look that fails counts nothing.
      }
      await sleep(300, abort.signal);
    }
  })();
  return {
    seen: () => [...most].map(([phase, count]) => ({ phase, most: count })).filter(({ phase }) => phase > 0),
    stop: async () => {
      abort.abort();
      await counting;
    },
  };
}
