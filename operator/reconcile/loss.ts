import type { V1Node } from "@kubernetes/client-node";
import type { ReplacementStatus } from "../api/replacement.ts";
import { claimName, statefulSetName } from "../desired/names.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import { isDamaged } from "../rollout/problem.ts";
import { activeRollout } from "../rollout/start.ts";
import type { NodeView, View } from "../rollout/view.ts";

/** What a validator seems to have lost for good, and by what that is seen. */
export type Loss = { readonly cause: ReplacementStatus["cause"]; readonly message: string };

/** On a claim, by the scheduler: the host for which its volume was made. */
const SELECTED_HOST = "volume.kubernetes.io/selected-node";
/** Whatever the scheduler's version: the volume is tied to hosts that do not take the pod. */
const TIED = /volume('s)? node affinity/i;

/**
 * A member that does not run, and whose volume or host says why. A pod that merely crashes, or that no host has room for, has
 * lost nothing.
 */
export function lossOf({ cluster, claims, hosts, rollouts }: Snapshot, node: NodeView): Loss | undefined {
  if (node.weight === 0 || node.podReady) return undefined;
  const name = claimName(statefulSetName(cluster.metadata.name, node.id, node.incarnation));
  const claim = claims.find(({ metadata }) => metadata?.name === name);
  const volume = (message: string): Loss => ({ cause: "VolumeLost", message });
  if (claim?.status?.phase === "Lost") return volume(`the volume of its claim ${name} is gone`);
  const tied = node.host === "" && TIED.test(node.problem?.message ?? "");
  const host = tied ? (claim?.metadata?.annotations?.[SELECTED_HOST] ?? "") : node.host;
  if (host !== "" && !isAlive(hosts, host))
    return { cause: "HostLost", message: `its host ${host} is gone or not Ready` };
  if (node.problem?.kind === "Volume" && node.problem.established) return volume(node.problem.message);
  if (isNotMounted(node)) return volume(`host ${host} cannot mount the volume of its claim ${name}`);
  return hasDamage(rollouts, node) ? { cause: "DataDamaged", message: node.problem?.message ?? "" } : undefined;
}

/**
 * A release on trial may be what damages data, or be wrong about it: it goes back first, and the one before looks again. A first
 * deployment has none before it.
 */
export function hasDamage(rollouts: Snapshot["rollouts"], { problem, podRevision }: NodeView): boolean {
  const trial = activeRollout(rollouts)?.spec;
  const onTrial = trial?.kind === "Upgrade" && trial.to.revision === podRevision;
  return isDamaged(problem) && problem?.established === true && !onTrial;
}

export function isAlive(hosts: readonly V1Node[], name: string): boolean {
  const host = hosts.find(({ metadata }) => metadata?.name === name);
  const ready = host?.status?.conditions?.find(({ type }) => type === "Ready");
  return host !== undefined && (ready === undefined || ready.status === "True");
}

/** The kubelet gives no reason in the pod's status; but it makes the sandbox only once all volumes are there. */
function isNotMounted({ pod, host, stopping }: NodeView): boolean {
  if (host === "" || stopping || pod?.status?.phase !== "Pending") return false;
  const creating = pod.status.containerStatuses?.every(({ state }) => state?.waiting?.reason === "ContainerCreating");
  const sandbox = pod.status.conditions?.find(({ type }) => type === "PodReadyToStartContainers");
  return creating === true && sandbox?.status === "False";
}

/** Its container cannot be running: no host has taken the pod, or one that answers has not started it. */
export const isNotStarted = ({ hosts }: Snapshot, pod: Snapshot["pods"][number]): boolean => {
  const host = pod.spec?.nodeName ?? "";
  const started = pod.status?.containerStatuses?.some(({ state }) => state?.waiting === undefined) ?? false;
  return host === "" || (isAlive(hosts, host) && !started);
};

/** Its volume was emptied: the node follows, and shows another key than the one that the members know. */
export const hasLostKey = (view: View, node: NodeView): boolean =>
  node.weight > 0 &&
  node.caughtUp &&
  node.status?.role === "Observer" &&
  view.voters.find(({ id }) => id === node.id)?.publicKey !== node.status.publicKey;

/** Peers that count in the quorum and are connected with it: for them it is not lost, whatever is seen from here. */
export const heardBy = (view: View, validator: number): readonly number[] =>
  view.nodes
    .filter(({ id, voting, status }) => id !== validator && voting && status?.connectedPeers.includes(validator))
    .map(({ id }) => id);
