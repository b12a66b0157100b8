import type { Cluster } from "../cluster/cluster.ts";
import { isReady, untilCluster } from "../kit/cluster-state.ts";
import { EXAMPLES, type Manifest, readExample, toYaml } from "../kit/examples.ts";
import { followRollout, forgetTimelines, inState } from "../kit/follow.ts";
import { kubectl } from "../kit/kubectl.ts";
import { startLoad, untilAcknowledged } from "../kit/load.ts";
import { removeNamespace } from "../kit/namespace.ts";
import type { Progress } from "../kit/progress.ts";
import type { ApiReader } from "../kit/proxy.ts";
import { type View, viewOf } from "../kit/view.ts";

export const VALIDATORS = 4;
const CLUSTER = "payments";
const WARM_UP_TRANSFERS = 200;
/** As many batches as the example sends, but smaller ones: the journal, which is read whole again and again, stays short. */
const TRANSFERS_PER_BATCH = "3";

/** One HmnCluster in a namespace of its own, with clients at work. */
export type Stage = {
  readonly view: View;
  /** The cluster Ready under load: as an earlier scenario left it, or made anew if it left something else. */
  ensure(progress: Progress): Promise<View>;
  /** From nothing: the namespace, then the HmnCluster, and not a step further. */
  begin(progress: Progress): Promise<View>;
  /** From `begin` on to clients at work. */
  employ(progress: Progress): Promise<void>;
  remove(progress: Progress): Promise<void>;
};

export type StagePlan = {
  readonly namespace: string;
  /** Changes of the example's spec. */
  readonly spec: Readonly<Record<string, unknown>>;
  /** Objects that have to exist before, e.g. volumes. */
  readonly prepare?: (progress: Progress) => Promise<void>;
  /** Removes what `prepare` made. */
  readonly tidy?: () => Promise<void>;
};

export function stageOf({ cluster, reader, plan }: { cluster: Cluster; reader: ApiReader; plan: StagePlan }): Stage {
  const view = viewOf({ cluster, reader, namespace: plan.namespace, name: CLUSTER });
  const remove = async (progress: Progress): Promise<void> => {
    await removeNamespace(cluster, { reader, namespace: plan.namespace, progress });
    await plan.tidy?.();
  };

  const begin = async (progress: Progress): Promise<View> => {
    await remove(progress);
    forgetTimelines(view);
    await plan.prepare?.(progress);
    const manifests = await readExample(EXAMPLES.cluster, plan.namespace);
    await kubectl(cluster, ["apply", "-f", "-"], { input: toYaml(manifests.map((one) => withSpec(one, plan.spec))) });
    return view;
  };
  const employ = async (progress: Progress): Promise<void> => {
    await startLoad(view, progress, { args: { "--batch": TRANSFERS_PER_BATCH } });
    await untilAcknowledged(view, WARM_UP_TRANSFERS, progress);
  };
  return {
    view,
    begin,
    employ,
    remove,
    ensure: async (progress) => {
      const there = await view.hmn();
      if (there !== undefined && isReady(there) && (await view.rollouts()).length > 0) {
        await employ(progress);
        return view;
      }
      progress.say("needs a running cluster: bringing one up first");
      await begin(progress);
      await followRollout(view, { number: 1, until: inState("Succeeded"), what: "the first deployment", progress });
      await untilCluster(view, "HmnCluster Ready", isReady, { progress });
      await employ(progress);
      return view;
    },
  };
}

function withSpec(manifest: Manifest, changes: Readonly<Record<string, unknown>>): Manifest {
  if (manifest.kind !== "HmnCluster") return manifest;
  return { ...manifest, spec: { ...(manifest.spec as object), ...changes } };
}
