import { claim, claimEqual } from "../kit/claim.ts";
import { isReady, untilCluster } from "../kit/cluster-state.ts";
import { describePods } from "../kit/follow.ts";
import { kubectl } from "../kit/kubectl.ts";
import { loadHost } from "../kit/load.ts";
import type { HmnCluster, Pod } from "../kit/objects.ts";
import type { Progress } from "../kit/progress.ts";
import type { View } from "../kit/view.ts";

/** A minute until a validator is given up, then some epochs of three quarters of a minute. */
export const REPLACED_MS = 10 * 60_000;

/** Nothing is left of the node on the victim's volume; one on the next volume runs in its place. */
export async function claimBegunAnew(view: View, victim: Pod): Promise<void> {
  const first = Number(victim.name.split("-").at(-2));
  const set = (incarnation: number): string => `${view.name}-${victim.validator}-${incarnation}`;
  const pods = await view.pods();
  claimEqual(
    pods.filter(({ validator }) => validator === victim.validator).map(({ name }) => name),
    [`${set(first + 1)}-0`],
    "the pods of the validator",
  );
  const old = `/apis/apps/v1/namespaces/${view.namespace}/statefulsets/${set(first)}`;
  claimEqual(await view.reader.read(old), undefined, "the old StatefulSet");
}

/** Apart from the clients. */
export async function pickVictim(view: View): Promise<Pod> {
  const taken = await loadHost(view);
  const pods = await view.pods();
  const victim = pods.findLast((pod) => pod.ready && pod.host !== taken);
  claim(victim !== undefined, "some validator is Ready and apart from the clients", describePods(pods));
  return victim;
}

/** Nobody else's pod is touched for it. */
export const others = (pods: readonly Pod[], apart: readonly Pod[]): readonly string[] =>
  pods.filter(({ validator }) => !apart.some((one) => one.validator === validator)).map(({ uid }) => uid);

export const on = (view: View, ...args: readonly string[]): Promise<string> =>
  kubectl(view.cluster, ["-n", view.namespace, ...args]);

export const untilVoting = (view: View, progress: Progress): Promise<HmnCluster> =>
  untilCluster(view, "it to vote again", (one) => isReady(one) && one.status.replacement === undefined, {
    progress,
    timeoutMs: REPLACED_MS,
  });
