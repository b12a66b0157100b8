import { LABELS } from "../../operator/api/group.ts";
import { patchSpec, releaseSpec } from "../kit/change.ts";
import { claim, claimEqual } from "../kit/claim.ts";
import { isReady, untilCluster } from "../kit/cluster-state.ts";
import { describePods, followRollout, inState } from "../kit/follow.ts";
import { kubectl, shown } from "../kit/kubectl.ts";
import { loadHost } from "../kit/load.ts";
import type { Pod } from "../kit/objects.ts";
import type { View } from "../kit/view.ts";
import { found, instead, waitFor } from "../kit/wait.ts";
import { watchDisruptions } from "../kit/watcher.ts";
import { QUICK_ROLLOUT } from "./phases.ts";
import type { Scenario } from "./scenario.ts";
import { VALIDATORS } from "./stage.ts";
import { claimBooks, claimOneAtATime, claimRunning, inputsOf, otherThan } from "./steady.ts";

/** Long enough in the first phase for a host to be drained and to come back while nothing else moves. */
const PHASES = [
  { percent: 20, soakSeconds: 60 },
  { percent: 100, soakSeconds: 6 },
];

export const drainedHost: Scenario = {
  name: "drained-host",
  on: "releases",
  asserts: [
    "a worker is drained in the soak of an upgrade's first phase; the drain goes through, kept to the budget of one",
    "its validator comes back on the revision that it had, not on the release that is going out",
    "the upgrade goes on by itself and ends Succeeded; never were two validators down; no acknowledged transfer is lost",
  ],
  run: async ({ cluster, stage, progress }) => {
    const view = await stage.ensure(progress);
    const release = otherThan(await inputsOf(view));
    const watcher = watchDisruptions(view, VALIDATORS);
    const number = ((await view.hmn())?.status.lastRolloutNumber ?? 0) + 1;
    await patchSpec(view, { ...releaseSpec(release), rollout: { phases: PHASES } }, progress);
    const soaking = await followRollout(view, {
      number,
      until: inState("Soaking"),
      what: "the first phase to soak",
      progress,
    });
    const victim = await pickVictim(view, soaking.status.moved ?? []);

    const drain = ["drain", victim.host, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=120s"];
    // Only this cluster's pods: the host's other tenants are no part of the scenario.
    const args = [...drain, `--pod-selector=${LABELS.cluster}=${view.name}`];
    progress.say(`$ kubectl ${shown(args)}`);
    try {
      await kubectl(cluster, args, { timeoutMs: 150_000 });
      await successor(view, victim, (pod) => pod.waiting === "Unschedulable", "its pod to wait for a host", progress);
    } finally {
      await kubectl(cluster, ["uncordon", victim.host]);
    }
    const back = await successor(view, victim, (pod) => pod.ready, "its pod to be Ready again", progress);
    claimEqual(back.revision, victim.revision, `revision of validator ${victim.validator} after the drain`);
    claimEqual(back.host, victim.host, "the host that it came back on, where its volume is");
    const during = (await view.rollouts()).find((one) => one.spec.number === number);
    claimEqual(during?.status.phase, 1, "phase of the rollout while the host was away");

    const rollout = await followRollout(view, {
      number,
      until: inState("Succeeded"),
      what: "the upgrade to go on",
      progress,
    });
    claim(
      (rollout.status.moved ?? []).includes(victim.validator),
      "the drained validator was moved in its turn",
      rollout.status.moved,
    );
    await claimRunning(view, release, progress);
    await claimOneAtATime(watcher);
    await claimBooks(view, release, progress);
    await patchSpec(view, { rollout: { phases: QUICK_ROLLOUT.phases } }, progress);
    await untilCluster(view, "HmnCluster Ready", isReady, { progress });
  },
};

/** A validator that has not been moved, on a host without the clients. */
async function pickVictim(view: View, moved: readonly number[]): Promise<Pod> {
  const taken = await loadHost(view);
  const pods = await view.pods();
  const victim = pods.find((pod) => pod.ready && !moved.includes(pod.validator) && pod.host !== taken);
  claim(victim !== undefined, "some validator is Ready, not moved yet and apart from the clients", describePods(pods));
  return victim;
}

function successor(
  view: View,
  of: Pod,
  is: (pod: Pod) => boolean,
  what: string,
  progress: Parameters<typeof patchSpec>[2],
): Promise<Pod> {
  return waitFor(
    what,
    async () => {
      const pods = await view.pods();
      const pod = pods.find((one) => one.validator === of.validator && one.uid !== of.uid);
      return pod !== undefined && is(pod) ? found(pod) : instead(describePods(pods));
    },
    { progress, timeoutMs: 180_000 },
  );
}
