import { type Books, checkFromOutside } from "../check/outside.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { up } from "../cluster/cluster.ts";
import { requestRelease } from "../kit/change.ts";
import { isReady, untilCluster } from "../kit/cluster-state.ts";
import type { Disruptions } from "../kit/disruptions.ts";
import { EXAMPLES, ROOT } from "../kit/examples.ts";
import { followRollout, inState } from "../kit/follow.ts";
import { provideImages } from "../kit/images.ts";
import { kubectl } from "../kit/kubectl.ts";
import { pauseLoad, startLoad, untilAcknowledged } from "../kit/load.ts";
import { removeNamespace } from "../kit/namespace.ts";
import type { HmnRollout } from "../kit/objects.ts";
import { isTrue } from "../kit/objects.ts";
import { installOperator, untilOperatorReady } from "../kit/operator.ts";
import type { Progress } from "../kit/progress.ts";
import type { ApiReader } from "../kit/proxy.ts";
import { BAD, DEMO_IMAGES, GOOD } from "../kit/releases.ts";
import type { Steps } from "../kit/steps.ts";
import { type View, viewOf } from "../kit/view.ts";
import { watchDisruptions } from "../kit/watcher.ts";
import { DEMO } from "./settings.ts";

/** What the story leaves to tell. */
export type Ending = {
  readonly rollouts: readonly HmnRollout[];
  readonly books: Books;
  readonly disruptions: Disruptions;
};

export const bringUpCluster = (steps: Steps): Promise<Cluster> =>
  steps.run("cluster", "a Kubernetes cluster: one control plane, four workers in four zones", (progress) =>
    up({ progress }),
  );

/** From one YAML to a rollback, on a cluster that is up. */
export async function tellStory(steps: Steps, cluster: Cluster, reader: ApiReader): Promise<Ending> {
  const view = viewOf({ cluster, reader, namespace: DEMO.namespace, name: DEMO.cluster });

  await steps.run(
    "images",
    "the operator; the node as 1.0.0, as 1.1.0 (good) and as 1.2.0 (answers three seconds late)",
    async (progress) => {
      await provideImages(cluster, DEMO_IMAGES, progress);
    },
  );
  await steps.run(
    "operator",
    "custom resources from crds/, the operator from charts/hmn-operator, two replicas",
    async (progress) => {
      await removeNamespace(cluster, { reader, namespace: DEMO.namespace, progress });
      await installOperator(cluster, progress);
      await untilOperatorReady(cluster, progress);
    },
  );
  await steps.run("bring-up", `$ kubectl apply -f ${EXAMPLES.cluster}`, async (progress) => {
    await kubectl(cluster, ["apply", "-f", `${ROOT}${EXAMPLES.cluster}`]);
    await followRollout(view, {
      number: 1,
      until: inState("Succeeded"),
      what: "the first deployment, in phases",
      progress,
    });
    await untilCluster(view, "HmnCluster Ready", isReady, { progress });
    progress.say(await kubectl(cluster, ["-n", DEMO.namespace, "get", "hmn,pods", "-o", "wide"]));
  });
  const watcher = watchDisruptions(view, DEMO.validators);
  try {
    await steps.run("load", `$ kubectl apply -f ${EXAMPLES.load}`, async (progress) => {
      await startLoad(view, progress);
      await untilAcknowledged(view, DEMO.warmUpTransfers, progress);
    });
    const good = await steps.run("upgrade", "a good release, 1.1.0, under load", (progress) => upgrade(view, progress));
    const bad = await steps.run("rollback", "a bad release, 1.2.0: each answer three seconds late", (progress) =>
      breach(view, progress),
    );
    const books = await steps.run("check", "the books, read from outside on every validator", async (progress) => {
      await pauseLoad(view, progress);
      return checkFromOutside(view, { version: GOOD.version, validators: DEMO.validators, progress });
    });
    return { rollouts: [good, bad], books, disruptions: await watcher.stop() };
  } finally {
    await watcher.stop();
  }
}

async function upgrade(view: View, progress: Progress): Promise<HmnRollout> {
  const number = await requestRelease(view, GOOD, progress);
  const rollout = await followRollout(view, {
    number,
    until: inState("Succeeded"),
    what: "1.1.0 on all validators",
    progress,
  });
  await untilCluster(view, "HmnCluster Ready on 1.1.0", isReady, { progress });
  return rollout;
}

async function breach(view: View, progress: Progress): Promise<HmnRollout> {
  const number = await requestRelease(view, BAD, progress);
  const rollout = await followRollout(view, {
    number,
    until: inState("RolledBack"),
    what: "the breach and the way back",
    progress,
  });
  await untilCluster(view, "condition RolledBack", (cluster) => isTrue(cluster, "RolledBack"), { progress });
  return rollout;
}
