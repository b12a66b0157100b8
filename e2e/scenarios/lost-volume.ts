import { z } from "zod";
import { claim, claimEqual } from "../kit/claim.ts";
import { isReady, untilCluster } from "../kit/cluster-state.ts";
import { describePods } from "../kit/follow.ts";
import { kubectl } from "../kit/kubectl.ts";
import { loadHost } from "../kit/load.ts";
import type { Pod } from "../kit/objects.ts";
import type { Progress } from "../kit/progress.ts";
import type { View } from "../kit/view.ts";
import type { Scenario } from "./scenario.ts";
import { claimBooks, inputsOf } from "./steady.ts";

/** A minute until it is given up, then some epochs of three quarters of a minute. */
const TIMEOUT_MS = 10 * 60_000;

export const lostVolume: Scenario = {
  name: "lost-volume",
  on: "losses",
  tier: "second",
  asserts: [
    "a volume is deleted behind its claim: the status says so, and after a minute the validator begins anew on another one",
    "its new key is ordered and committed; it votes again, and nothing is left of the old node but its claim",
    "a volume that is emptied: its node comes up with a new key, which is ordered; no other pod is touched, and no acknowledged transfer is lost",
  ],
  run: async ({ stage, progress }) => {
    const view = await stage.ensure(progress);
    const inputs = await inputsOf(view);
    const before = await view.pods();
    const victim = await pickVictim(view);
    const first = incarnationOf(victim);
    const set = (incarnation: number): string => `${view.name}-${victim.validator}-${incarnation}`;
    await loseVolume(view, `data-${victim.name}`, progress);
    await on(view, "delete", "pod", victim.name, "--wait=false");
    await untilCluster(view, "the loss to be told", ({ status }) => status.waitingFor?.reason === "VolumeLost", {
      progress,
      timeoutMs: TIMEOUT_MS,
    });
    await untilCluster(view, "a replacement", ({ status }) => status.replacement?.step === "Boundary", {
      progress,
      timeoutMs: TIMEOUT_MS,
    });
    await untilVoting(view, progress);
    const pods = await view.pods();
    claimEqual(
      pods.filter(({ validator }) => validator === victim.validator).map(({ name }) => name),
      [`${set(first + 1)}-0`],
      "the pods of the validator",
    );
    claimEqual(await view.reader.read(setPath(view, set(first))), undefined, "the old StatefulSet");
    await on(view, "delete", "pvc", `data-${victim.name}`);
    await claimBooks(view, inputs, progress);

    const emptied = await pickVictim(view);
    await on(view, "delete", "pvc", `data-${emptied.name}`, "--wait=false");
    await on(view, "delete", "pod", emptied.name, "--wait=false");
    await untilCluster(view, "the key to be missed", ({ status }) => status.replacement?.cause === "KeyLost", {
      progress,
      timeoutMs: TIMEOUT_MS,
    });
    await untilVoting(view, progress);
    claim(
      (await view.pods()).some(({ name, ready, uid }) => name === emptied.name && ready && uid !== emptied.uid),
      `a new ${emptied.name} is Ready`,
      describePods(await view.pods()),
    );
    claimEqual(
      others(await view.pods(), [victim, emptied]),
      others(before, [victim, emptied]),
      "the other validators' pods",
    );
    await claimBooks(view, inputs, progress);
  },
};

const on = (view: View, ...args: readonly string[]): Promise<string> =>
  kubectl(view.cluster, ["-n", view.namespace, ...args]);

const untilVoting = (view: View, progress: Progress) =>
  untilCluster(view, "it to vote again", (one) => isReady(one) && one.status.replacement === undefined, {
    progress,
    timeoutMs: TIMEOUT_MS,
  });

/** Apart from the clients. */
async function pickVictim(view: View): Promise<Pod> {
  const taken = await loadHost(view);
  const pods = await view.pods();
  const victim = pods.findLast((pod) => pod.ready && pod.host !== taken);
  claim(victim !== undefined, "some validator is Ready and apart from the clients", describePods(pods));
  return victim;
}

/** Nobody else's pod is touched for it. */
const others = (pods: readonly Pod[], apart: readonly Pod[]): readonly string[] =>
  pods.filter(({ validator }) => !apart.some((one) => one.validator === validator)).map(({ uid }) => uid);

const incarnationOf = ({ name }: Pod): number => Number(name.split("-").at(-2));
const setPath = ({ namespace }: View, name: string): string =>
  `/apis/apps/v1/namespaces/${namespace}/statefulsets/${name}`;
const claimSchema = z.object({ spec: z.object({ volumeName: z.string() }) });

/** Takes the volume from behind its claim, as a storage that has lost it does. */
async function loseVolume(view: View, name: string, progress: Progress): Promise<void> {
  const path = `/api/v1/namespaces/${view.namespace}/persistentvolumeclaims/${name}`;
  const { volumeName } = claimSchema.parse(await view.reader.read(path)).spec;
  progress.say(`$ kubectl delete pv ${volumeName}`);
  await kubectl(view.cluster, ["delete", "pv", volumeName, "--wait=false"]);
  await kubectl(view.cluster, ["patch", "pv", volumeName, "--type=merge", "-p", '{"metadata":{"finalizers":null}}']);
}
