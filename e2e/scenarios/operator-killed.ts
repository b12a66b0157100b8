import { patchSpec, releaseSpec } from "../kit/change.ts";
import { claim, claimEqual } from "../kit/claim.ts";
import { followRollout, inState } from "../kit/follow.ts";
import { kubectl } from "../kit/kubectl.ts";
import { parseHolder, parseNames } from "../kit/objects.ts";
import { OPERATOR_NAMESPACE, untilOperatorReady } from "../kit/operator.ts";
import type { ApiReader } from "../kit/proxy.ts";
import { SLOW } from "../kit/releases.ts";
import { found, instead, waitFor } from "../kit/wait.ts";
import { watchDisruptions } from "../kit/watcher.ts";
import type { Scenario } from "./scenario.ts";
import { VALIDATORS } from "./stage.ts";
import { claimBackOn, claimBooks, claimIncident, claimOneAtATime, heal, inputsOf } from "./steady.ts";

const LEASE = `/apis/coordination.k8s.io/v1/namespaces/${OPERATOR_NAMESPACE}/leases/hmn-operator`;

/** The pod that holds the Lease. */
async function leader(reader: ApiReader): Promise<string> {
  const holder = parseHolder(await reader.read(LEASE));
  const pods = parseNames(await reader.read(`/api/v1/namespaces/${OPERATOR_NAMESPACE}/pods`)).map((pod) => pod.name);
  const pod = pods.find((name) => holder.includes(name));
  claim(pod !== undefined, "the Lease is held by a pod of the operator", { holder, pods });
  return pod;
}

export const operatorKilled: Scenario = {
  name: "operator-killed",
  on: "releases",
  asserts: [
    "the working replica of the operator is killed without grace in the middle of a rollback",
    "the other replica takes the Lease and finishes the rollback: all validators back, incident written",
    "never two validators were down at once; no acknowledged transfer is lost",
  ],
  run: async ({ cluster, reader, stage, progress }) => {
    const view = await stage.ensure(progress);
    const good = await inputsOf(view);
    const watcher = watchDisruptions(view, VALIDATORS);
    const before = await leader(reader);
    const number = ((await view.hmn())?.status.lastRolloutNumber ?? 0) + 1;
    // Other inputs than those of the slow release that may be in quarantine already.
    const environment = [...good.environment, { name: "HMN_NOTE_AGAIN", value: "another try" }];
    await patchSpec(view, { ...releaseSpec(SLOW), environment }, progress);
    await followRollout(view, { number, until: inState("RollingBack"), what: "the rollback to begin", progress });
    progress.say(`$ kubectl -n ${OPERATOR_NAMESPACE} delete pod ${before} --grace-period=0 --force`);
    await kubectl(cluster, ["-n", OPERATOR_NAMESPACE, "delete", "pod", before, "--grace-period=0", "--force"]);
    await waitFor(
      "another replica to hold the Lease",
      async () => {
        const holder = parseHolder(await reader.read(LEASE));
        return holder !== "" && !holder.includes(before) ? found(holder) : instead(`held by ${holder || "nobody"}`);
      },
      { progress, timeoutMs: 180_000 },
    );
    const rollout = await followRollout(view, {
      number,
      until: inState("RolledBack"),
      what: "the rollback to be finished",
      progress,
    });
    claimIncident(rollout, "Release");
    const entries = (rollout.status.timeline ?? []).map((entry) => `${entry.event}: ${entry.message}`);
    claimEqual(
      new Set(entries).size,
      entries.length,
      "number of different entries in the timeline: nothing was done twice",
    );
    await claimBackOn(view, good);
    await claimOneAtATime(watcher);
    await heal(view, good, progress);
    await claimBooks(view, good, progress);
    await untilOperatorReady(cluster, progress);
  },
};
