import type { ValidatorStatus } from "../../operator/api/validator-status.ts";
import { claim, claimEqual } from "../kit/claim.ts";
import { isReady, untilCluster } from "../kit/cluster-state.ts";
import { describePods } from "../kit/follow.ts";
import { kubectl } from "../kit/kubectl.ts";
import { acknowledged, loadHost, untilAcknowledged } from "../kit/load.ts";
import { conditionOf, type HmnCluster, isTrue, type Pod } from "../kit/objects.ts";
import type { Progress } from "../kit/progress.ts";
import type { View } from "../kit/view.ts";
import { watchDisruptions } from "../kit/watcher.ts";
import { type Scenario, Skipped } from "./scenario.ts";
import { fill, unfill } from "./small-volumes.ts";
import { VALIDATORS } from "./stage.ts";
import { claimBooks, claimOneAtATime, claimRunning, inputsOf } from "./steady.ts";

/** Clients go on being served while one validator is missing: so many more transfers prove it. */
const STILL_SERVED = 100;

export const unschedulableNode: Scenario = {
  name: "unschedulable-node",
  on: "trouble",
  asserts: [
    "a validator whose host takes no pods is told as unschedulable in status.validators and in Ready's message",
    "the quorum is kept: Available stays True, transfers go on being acknowledged, nobody else is moved",
    "it heals by itself when the host takes pods again; no acknowledged transfer is lost",
  ],
  run: async ({ cluster, stage, progress }) => {
    const view = await stage.ensure(progress);
    const victim = await pickVictim(view);
    const watcher = watchDisruptions(view, VALIDATORS);
    await kubectl(cluster, ["cordon", victim.host]);
    try {
      await kubectl(cluster, ["-n", view.namespace, "delete", "pod", victim.name, "--wait=false"]);
      const status = await untilTold(view, victim, /schedul/i, progress);
      claimKept(status);
      await untilAcknowledged(view, (await acknowledged(view)) + STILL_SERVED, progress);
    } finally {
      await kubectl(cluster, ["uncordon", victim.host]);
    }
    await claimHealed(view, victim, progress);
    await claimOneAtATime(watcher);
  },
};

export const fullDisk: Scenario = {
  name: "full-disk",
  on: "trouble",
  asserts: [
    "a validator whose volume is full is told so in status.validators and in Ready's message",
    "the quorum is kept: Available stays True, transfers go on being acknowledged, nobody else is moved",
    "it votes again by itself when there is room; no acknowledged transfer is lost",
  ],
  run: async ({ cluster, stage, progress }) => {
    const { exec } = cluster;
    if (exec === undefined) throw new Skipped("no way onto the hosts of this cluster to fill a volume");
    const view = await stage.ensure(progress);
    const victim = await pickVictim(view);
    const watcher = watchDisruptions(view, VALIDATORS);
    await fill(exec, victim.host);
    try {
      const status = await untilTold(view, victim, /disk|space|volume/i, progress);
      claimKept(status);
      await untilAcknowledged(view, (await acknowledged(view)) + STILL_SERVED, progress);
    } finally {
      await unfill(exec, victim.host);
    }
    await claimHealed(view, victim, progress);
    await claimOneAtATime(watcher);
  },
};

/** A validator on a host without the clients. */
async function pickVictim(view: View): Promise<Pod> {
  const taken = await loadHost(view);
  const pods = await view.pods();
  const victim = pods.find((pod) => pod.ready && pod.host !== taken);
  claim(victim !== undefined, "some validator is Ready apart from the clients", describePods(pods));
  return victim;
}

const toldOf = (cluster: HmnCluster, victim: Pod): ValidatorStatus | undefined =>
  cluster.status.validators?.find((one) => one.id === victim.validator);

/** Both places where a person looks say what is wrong: the validator's line and the condition. */
function untilTold(view: View, victim: Pod, words: RegExp, progress: Progress): Promise<HmnCluster> {
  return untilCluster(
    view,
    `the status to tell what is wrong with validator ${victim.validator}`,
    (cluster) => {
      const ready = conditionOf(cluster, "Ready");
      const told = toldOf(cluster, victim);
      return ready?.status === "False" && words.test(ready.message) && told !== undefined && words.test(told.problem);
    },
    { progress, timeoutMs: 180_000 },
  );
}

function claimKept(cluster: HmnCluster): void {
  claim(isTrue(cluster, "Available"), "a quorum serves while one validator is missing", cluster.status.conditions);
  claimEqual(
    cluster.status.disruption?.kind ?? "none",
    cluster.status.disruption === undefined ? "none" : "Repair",
    "what the slot is taken for",
  );
}

async function claimHealed(view: View, victim: Pod, progress: Progress): Promise<void> {
  const inputs = await inputsOf(view);
  const cluster = await untilCluster(view, "HmnCluster Ready again", isReady, { progress });
  claimEqual(toldOf(cluster, victim)?.problem, "", `problem of validator ${victim.validator}`);
  await claimRunning(view, inputs, progress);
  await claimBooks(view, inputs, progress);
}
