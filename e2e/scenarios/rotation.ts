import { X509Certificate } from "node:crypto";
import { z } from "zod";
import type { TlsStep } from "../../operator/api/tls.ts";
import { patchSpec } from "../kit/change.ts";
import { claim, claimEqual } from "../kit/claim.ts";
import { untilCluster } from "../kit/cluster-state.ts";
import { sleep } from "../kit/duration.ts";
import { describePods } from "../kit/follow.ts";
import { kubectl } from "../kit/kubectl.ts";
import { acknowledged, loadPod, untilAcknowledged } from "../kit/load.ts";
import { isTrue } from "../kit/objects.ts";
import type { View } from "../kit/view.ts";
import { found, instead, waitFor } from "../kit/wait.ts";
import { watchDisruptions } from "../kit/watcher.ts";
import type { Scenario } from "./scenario.ts";
import { VALIDATORS } from "./stage.ts";
import { claimBooks, claimOneAtATime, inputsOf } from "./steady.ts";

/** Longer than a kubelet that is nudged takes to bring the clients' pod a changed ConfigMap. */
const OVERLAP_SECONDS = 30;
const NUDGE_MS = 5_000;
const TIMEOUT_MS = 12 * 60_000;
const ORDER: readonly TlsStep[] = ["Trust", "Leaves", "Overlap", "Drop", "Rest"];
/** Transfers that have to come through afterwards. */
const FURTHER = 200;

export const rotation: Scenario = {
  name: "rotation",
  on: "releases",
  asserts: [
    "a new word in spec.tls.rotate replaces the authority and every certificate under load, step by step in status",
    "no pod restarts, no validator is down, CertificatesReady stays true; in the end only the new authority is trusted",
    "a validator that is deleted afterwards finds its peers and clients again; no acknowledged transfer is lost",
  ],
  run: async ({ stage, progress }) => {
    const view = await stage.ensure(progress);
    const inputs = await inputsOf(view);
    const before = await authority(view);
    const lives = await processes(view);
    const last = (await view.hmn())?.status.tls?.completionTime;
    const watcher = watchDisruptions(view, VALIDATORS);
    await patchSpec(view, { tls: { rotate: `at ${Date.now()}`, overlapSeconds: OVERLAP_SECONDS } }, progress);

    const steps: TlsStep[] = [];
    let unready = 0;
    const nudging = nudgeClients(view);
    await untilCluster(
      view,
      "every certificate to be replaced",
      (cluster) => {
        const { tls, disruption } = cluster.status;
        if (tls !== undefined && tls.step !== (steps.at(-1) ?? "Rest")) {
          steps.push(tls.step);
          progress.say(`step ${tls.step}`);
        }
        if (!isTrue(cluster, "CertificatesReady")) unready += 1;
        claim(disruption === undefined || disruption.kind === "Rotation", "only the rotation has the slot", disruption);
        return tls?.completionTime !== undefined && tls.completionTime !== last;
      },
      { progress, timeoutMs: TIMEOUT_MS },
    ).finally(nudging.stop);
    claimEqual(steps, ORDER, "steps of the rotation, each seen");
    claimEqual(unready, 0, "looks at which CertificatesReady was not true");
    claimEqual(await processes(view), lives, "pods and their restarts");
    const seen = await claimOneAtATime(watcher);
    claimEqual(seen.mostDown, 0, "validators that were down meanwhile");
    const after = await authority(view);
    claim(!before.includes(after[0] ?? ""), "the authority is a new one", after);
    claimEqual(after.length, 1, "authorities in the bundle");

    const [victim] = (await view.pods()).filter((pod) => pod.validator === 1);
    claim(victim !== undefined, "validator 1 has a pod", victim);
    await kubectl(view.cluster, ["-n", view.namespace, "delete", "pod", victim.name, "--wait=false"]);
    await waitFor(
      "validator 1 to be Ready again, among peers that know only the new authority",
      async () => {
        const pods = await view.pods();
        const back = pods.find((pod) => pod.validator === 1 && pod.uid !== victim.uid && pod.ready);
        return back === undefined ? instead(describePods(pods)) : found(back);
      },
      { progress, timeoutMs: TIMEOUT_MS },
    );
    await untilAcknowledged(view, (await acknowledged(view)) + FURTHER, progress);
    await claimBooks(view, inputs, progress);
  },
};

/**
 * A changed annotation makes the kubelet refresh a pod's volumes at once, and not only within a minute and a half: the operator
 * does so for its validators, and whoever rotates with a short overlap for the clients.
 */
function nudgeClients(view: View): { stop(): Promise<void> } {
  let stopped = false;
  const nudge = async (): Promise<void> => {
    for (let turn = 0; !stopped; turn += 1) {
      const mark = `hmn-e2e/nudge=${turn}`;
      const pod = await loadPod(view);
      await view.cluster.kubectl(["-n", view.namespace, "annotate", "pod", pod, mark, "--overwrite"]);
      await sleep(NUDGE_MS);
    }
  };
  const running = nudge();
  return {
    stop: async () => {
      stopped = true;
      await running;
    },
  };
}

/** Pod and restarts of each validator. */
const processes = async (view: View): Promise<readonly string[]> =>
  (await view.pods()).map((pod) => `${pod.name} ${pod.uid} ${pod.restarts}`);

const configMapSchema = z.object({ data: z.object({ "ca.crt": z.string() }) });

/** Fingerprints of the authorities that clients are told to trust. */
async function authority(view: View): Promise<readonly string[]> {
  const path = `/api/v1/namespaces/${view.namespace}/configmaps/${view.name}-ca`;
  const { data } = configMapSchema.parse(await view.reader.read(path));
  const pems = data["ca.crt"].match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return pems.map((pem) => new X509Certificate(pem).fingerprint256);
}
