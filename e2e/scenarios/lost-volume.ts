import { z } from "zod";
import { claim, claimEqual } from "../kit/claim.ts";
import { untilCluster } from "../kit/cluster-state.ts";
import { describePods } from "../kit/follow.ts";
import { kubectl } from "../kit/kubectl.ts";
import type { Progress } from "../kit/progress.ts";
import type { View } from "../kit/view.ts";
import { claimBegunAnew, on, others, pickVictim, REPLACED_MS, untilVoting } from "./begun-anew.ts";
import type { Scenario } from "./scenario.ts";
import { claimBooks, inputsOf } from "./steady.ts";

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
    await loseVolume(view, `data-${victim.name}`, progress);
    await on(view, "delete", "pod", victim.name, "--wait=false");
    await untilCluster(view, "the loss to be told", ({ status }) => status.waitingFor?.reason === "VolumeLost", {
      progress,
      timeoutMs: REPLACED_MS,
    });
    await untilCluster(view, "a replacement", ({ status }) => status.replacement?.step === "Boundary", {
      progress,
      timeoutMs: REPLACED_MS,
    });
    await untilVoting(view, progress);
    await claimBegunAnew(view, victim);
    await on(view, "delete", "pvc", `data-${victim.name}`);
    await claimBooks(view, inputs, progress);

    const emptied = await pickVictim(view);
    await on(view, "delete", "pvc", `data-${emptied.name}`, "--wait=false");
    await on(view, "delete", "pod", emptied.name, "--wait=false");
    await untilCluster(view, "the key to be missed", ({ status }) => status.replacement?.cause === "KeyLost", {
      progress,
      timeoutMs: REPLACED_MS,
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

const claimSchema = z.object({ spec: z.object({ volumeName: z.string() }) });

/** Takes the volume from behind its claim, as a storage that has lost it does. */
async function loseVolume(view: View, name: string, progress: Progress): Promise<void> {
  const path = `/api/v1/namespaces/${view.namespace}/persistentvolumeclaims/${name}`;
  const { volumeName } = claimSchema.parse(await view.reader.read(path)).spec;
  progress.say(`$ kubectl delete pv ${volumeName}`);
  await kubectl(view.cluster, ["delete", "pv", volumeName, "--wait=false"]);
  await kubectl(view.cluster, ["patch", "pv", volumeName, "--type=merge", "-p", '{"metadata":{"finalizers":null}}']);
}
