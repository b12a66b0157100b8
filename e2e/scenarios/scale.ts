import { z } from "zod";
import { LABELS } from "../../operator/api/group.ts";
import { patchSpec } from "../kit/change.ts";
import { claim, claimEqual } from "../kit/claim.ts";
import { isReady, untilCluster } from "../kit/cluster-state.ts";
import { kubectl } from "../kit/kubectl.ts";
import type { View } from "../kit/view.ts";
import { watchDisruptions } from "../kit/watcher.ts";
import type { Scenario } from "./scenario.ts";
import { VALIDATORS } from "./stage.ts";
import { claimBooks, claimOneAtATime, inputsOf } from "./steady.ts";

/** An upgrade, where one is needed, then some epochs of three quarters of a minute. */
const TIMEOUT_MS = 15 * 60_000;
const MORE = VALIDATORS + 1;

export const scale: Scenario = {
  name: "scale",
  on: "releases",
  asserts: [
    "a fifth validator starts as an observer, is ordered in by the operator's key and votes; budget and labels follow",
    "four again: it leaves the set first and its pod is removed epochs later; its volume stays, as the policy says",
    "all under load: at most one validator is down, no acknowledged transfer is lost, and the fifth agreed with all others",
  ],
  run: async ({ stage, progress }) => {
    const view = await stage.ensure(progress);
    const inputs = await inputsOf(view);
    const watcher = watchDisruptions(view, VALIDATORS);
    // There are four workers: the fifth validator shares one. Where that is new, an upgrade comes first.
    const change = { validators: { replicas: MORE }, placement: { allowSharedHosts: true } };
    await patchSpec(view, change, progress);
    const five = await untilCluster(view, "five validators", (one) => isReady(one) && one.status.size === MORE, {
      progress,
      timeoutMs: TIMEOUT_MS,
    });
    claimEqual([five.status.totalValidators, five.status.ready], [MORE, `${MORE}/${MORE}`], "validators in status");
    claimEqual(five.status.validators?.at(-1)?.state, "Voting", "state of the fifth validator");
    claimEqual(await counted(view), MORE, "pods that the budget counts");
    claimEqual(await minAvailable(view), MORE - 1, "minAvailable of the budget");
    await claimBooks(view, inputs, progress, MORE);

    await kubectl(view.cluster, ["-n", view.namespace, "scale", "hmn", view.name, `--replicas=${VALIDATORS}`]);
    let leftBefore = true;
    await untilCluster(
      view,
      "four validators again",
      ({ status, metadata }) => {
        if (status.scale?.step === "Serve") leftBefore &&= status.size === MORE;
        return status.size === VALIDATORS && status.observedGeneration === metadata.generation;
      },
      { progress, timeoutMs: TIMEOUT_MS },
    );
    claim(leftBefore, "the fifth node ran on while it served", leftBefore);
    await untilCluster(view, "HmnCluster Ready", isReady, { progress });
    await untilCluster(
      view,
      "the fifth node's objects to be gone",
      ({ status }) => status.totalValidators === VALIDATORS,
      { progress },
    );
    claimEqual(await minAvailable(view), VALIDATORS - 1, "minAvailable of the budget");
    const volume = `data-${view.name}-${VALIDATORS}-0-0`;
    await kubectl(view.cluster, ["-n", view.namespace, "delete", "pvc", volume]);
    await claimOneAtATime(watcher);
    await claimBooks(view, inputs, progress);
  },
};

const counted = async (view: View): Promise<number> =>
  (await view.pods()).filter((pod) => pod.labels[LABELS.voter] === "true").length;

const budgetSchema = z.object({ spec: z.object({ minAvailable: z.number() }) });

async function minAvailable(view: View): Promise<number> {
  const path = `/apis/policy/v1/namespaces/${view.namespace}/poddisruptionbudgets/${view.name}`;
  return budgetSchema.parse(await view.reader.read(path)).spec.minAvailable;
}
