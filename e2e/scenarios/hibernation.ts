import { API_VERSION } from "../../operator/api/group.ts";
import { patchSpec } from "../kit/change.ts";
import { claim, claimEqual } from "../kit/claim.ts";
import { isReady, untilCluster } from "../kit/cluster-state.ts";
import { toYaml } from "../kit/examples.ts";
import { kubectl } from "../kit/kubectl.ts";
import { pauseLoad, resumeLoad } from "../kit/load.ts";
import { parseNames } from "../kit/objects.ts";
import { STORE, startStore, storeFault, storeTarget } from "../kit/store.ts";
import type { View } from "../kit/view.ts";
import { type Scenario, Skipped } from "./scenario.ts";
import { VALIDATORS } from "./stage.ts";
import { claimBooks, inputsOf } from "./steady.ts";

const TIMEOUT_MS = 10 * 60_000;
const SCHEDULE = "payments-noon";

export const hibernation: Scenario = {
  name: "hibernation",
  on: "restores",
  tier: "second",
  asserts: [
    "spec.hibernate: after a backup into the schedule's store all pods go, and the volumes stay",
    "false again: all validators start on their volumes, a quorum serves, and no acknowledged transfer is lost",
  ],
  run: async ({ cluster, stage, progress }) => {
    const fault = await storeFault(cluster);
    if (fault !== undefined) throw new Skipped(fault);
    const view = await stage.ensure(progress);
    const inputs = await inputsOf(view);
    await startStore(cluster, view.namespace, progress);
    const spec = {
      ...{ cluster: view.name, schedule: "0 12 1 1 *", encryptionSecret: STORE.keySecret },
      target: storeTarget(view.namespace),
    };
    const metadata = { name: SCHEDULE, namespace: view.namespace };
    const object = { apiVersion: API_VERSION, kind: "HmnBackupSchedule", metadata, spec };
    await kubectl(cluster, ["apply", "-f", "-"], { input: toYaml([object]) });
    await untilCluster(
      view,
      "the schedule to be seen",
      ({ status }) => (status.conditions ?? []).some(({ type }) => type === "BackupCurrent"),
      { progress },
    );
    await pauseLoad(view, progress);
    const before = await claims(view);
    const chain = (await view.hmn())?.status.chainId;

    await patchSpec(view, { hibernate: true }, progress);
    const { status } = await untilCluster(view, "hibernation", (one) => one.status.phase === "Hibernated", {
      progress,
      timeoutMs: TIMEOUT_MS,
    });
    claim(status.hibernation?.backup !== undefined, "a backup was made before", status.hibernation);
    claimEqual((await view.pods()).length, 0, "number of pods");
    claimEqual(await claims(view), before, "the claims");
    progress.say(`asleep behind block ${status.hibernation.height}, after backup ${status.hibernation.backup}`);

    await patchSpec(view, { hibernate: false }, progress);
    const awake = await untilCluster(
      view,
      "HmnCluster Ready",
      (one) => isReady(one) && one.status.hibernation === undefined,
      {
        progress,
        timeoutMs: TIMEOUT_MS,
      },
    );
    claimEqual([(await view.pods()).length, awake.status.chainId], [VALIDATORS, chain], "validators and network");
    claimEqual(await claims(view), before, "the claims");
    await resumeLoad(view);
    await claimBooks(view, inputs, progress);
    await kubectl(cluster, ["-n", view.namespace, "delete", "hmnbackupschedule", SCHEDULE]);
  },
};

async function claims({ reader, namespace }: View): Promise<readonly string[]> {
  const found = parseNames(await reader.read(`/api/v1/namespaces/${namespace}/persistentvolumeclaims`));
  return found.map(({ uid }) => uid).toSorted();
}
