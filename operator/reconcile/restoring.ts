import type { Restored, RestoreFault } from "../../node/api/contract-restored.ts";
import { NANOS_PER_MILLI } from "../../node/base/units.ts";
import { RESTORE_CONTAINER, type RestoreSource, type RestoreStatus } from "../api/restore.ts";
import { equalJson } from "../desired/hash.ts";
import { claimName, genesisName, governanceSecretName, podName, statefulSetName } from "../desired/names.ts";
import type { Restoring } from "../desired/restore.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import { quorumServes } from "../rollout/quorum.ts";
import { restoreFailure } from "../rollout/restore-failure.ts";
import { podsCommand, specCommand } from "../rollout/situation.ts";
import { timeText } from "../rollout/time.ts";
import type { NodeView, View } from "../rollout/view.ts";
import type { Obstacle } from "./plan.ts";

export type Restore = {
  readonly status: RestoreStatus | undefined;
  readonly obstacle: Obstacle | undefined;
  /** No pod is asked for before it stands in status where the backup is taken from. */
  readonly waits: boolean;
  /** What all volumes hold, once they do; the genesis is made of it. */
  readonly agreed: Restored | undefined;
};

const NOTHING: Restore = { status: undefined, obstacle: undefined, waits: false, agreed: undefined };

/** How far the cluster has come that begins from a backup, what keeps it, and what its genesis is made of. */
export function restoring(snapshot: Snapshot, view: View): Restore {
  const { cluster, configMaps } = snapshot;
  if (cluster.spec.restoreFrom === undefined) return NOTHING;
  const before = cluster.status.restore;
  const begun = configMaps.some(({ metadata }) => metadata?.name === genesisName(cluster.metadata.name));
  if (begun)
    return {
      ...NOTHING,
      status: before === undefined || before.state === "Restored" ? before : beginning(snapshot, view, before),
    };
  const source = sourceOf(snapshot);
  if (source === undefined) {
    const obstacle = missing(snapshot);
    return { ...NOTHING, status: { state: "Waiting", message: obstacle.message }, obstacle, waits: true };
  }
  const recorded = equalJson(before?.source, source);
  const told = view.nodes.flatMap(({ status }) => (status?.restored === undefined ? [] : [status.restored]));
  const [first] = told;
  const obstacle = failureOf(snapshot, view) ?? disagreement(snapshot, view, told);
  const agreed = first !== undefined && told.length === view.nodes.length && obstacle === undefined ? first : undefined;
  const message = `${told.length} of ${view.nodes.length} validators hold the backup, checked`;
  return {
    status: { state: agreed === undefined ? "Fetching" : "Beginning", source, ...factsOf(snapshot, first), message },
    ...{ obstacle, waits: !recorded, agreed },
  };
}

/** Whether the node's volume holds the network, so that nothing needs to be brought onto it any more. */
export const holdsNetwork = ({ status }: NodeView): boolean => status !== undefined && status.chainId !== null;

/** What the template of a validator says of the restored network's backup; nothing where the network is no restored one. */
export function restoringOf({ cluster }: Snapshot, node: NodeView, { status }: Restore): Restoring | undefined {
  const { restoreFrom } = cluster.spec;
  if (restoreFrom === undefined || status?.source === undefined) return undefined;
  // What was dropped once is not asked for again: a node that cannot be read now has its network still.
  const dropped = node.statefulSet !== undefined && node.statefulSet.spec?.template.spec?.initContainers === undefined;
  if (dropped || holdsNetwork(node)) return { holds: true };
  return { holds: false, source: status.source, chainId: restoreFrom.chainId };
}

/** Where the backup lies: as the spec says, or as the HmnBackup said when it was first looked for. */
function sourceOf({ cluster, restoreBackup }: Snapshot): RestoreSource | undefined {
  const { backup, target, encryptionSecret } = cluster.spec.restoreFrom ?? {};
  if (backup === undefined) return undefined;
  if (target !== undefined && encryptionSecret !== undefined) return { backup, target, encryptionSecret };
  const recorded = cluster.status.restore?.source;
  if (recorded?.backup === backup) return recorded;
  if (restoreBackup?.status.state !== "Succeeded") return undefined;
  const { spec } = restoreBackup;
  return { backup, target: spec.target, encryptionSecret: spec.encryptionSecret };
}

function missing(snapshot: Snapshot): Obstacle {
  const { namespace, name } = snapshot.cluster.metadata;
  const { backup = "" } = snapshot.cluster.spec.restoreFrom ?? {};
  const found = snapshot.restoreBackup;
  return {
    reason: "BackupMissing",
    message:
      found === undefined
        ? `There is no HmnBackup ${backup} in namespace ${namespace}. Name one, or say in spec.restoreFrom where the backup lies: target and encryptionSecret`
        : `HmnBackup ${backup} is ${found.status.state ?? "Pending"}: only one that has Succeeded can be restored. Name another in spec.restoreFrom`,
    command: specCommand({ cluster: name, namespace }),
  };
}

const REASONS: Readonly<Record<RestoreFault, readonly [reason: string, remedy: string]>> = {
  Missing: ["BackupMissing", "Name a backup in spec.restoreFrom that the target holds"],
  WrongKey: ["BackupKeyWrong", "Put the key with which it was made into the Secret that encryptionSecret names"],
  WrongNetwork: ["BackupOfAnotherNetwork", "Name a backup of your network in spec.restoreFrom, or correct its chainId"],
  Damaged: ["BackupDamaged", "Name another backup in spec.restoreFrom; this one cannot be restored"],
  Unreachable: [
    "BackupUnreachable",
    "Check target and credentials in spec.restoreFrom, and the pods' way to the store",
  ],
};

function failureOf({ cluster }: Snapshot, view: View): Obstacle | undefined {
  const { name, namespace } = cluster.metadata;
  for (const { id, pod, status } of view.nodes) {
    const failure = pod === undefined || status !== undefined ? undefined : restoreFailure(pod);
    if (failure === undefined) continue;
    const [reason, remedy] = REASONS[failure.fault];
    const message = `Validator ${id} cannot bring backup ${cluster.spec.restoreFrom?.backup}: ${failure.detail.slice(-600)}. ${remedy}`;
    return { reason, message, command: podsCommand({ cluster: name, namespace }) };
  }
  return undefined;
}

/** Volumes that do not hold the same, or not what a network of these validators can begin with. */
function disagreement({ cluster }: Snapshot, view: View, told: readonly Restored[]): Obstacle | undefined {
  const { name, namespace } = cluster.metadata;
  const where = { cluster: name, namespace };
  const empty = view.nodes.find(
    ({ pod, status }) =>
      pod?.spec?.initContainers?.some((one) => one.name === RESTORE_CONTAINER) === true &&
      status?.state === "WaitingForGenesis" &&
      status.restored === undefined,
  );
  if (empty !== undefined)
    return {
      reason: "BackupNotOnVolume",
      message: `Validator ${empty.id} runs without the backup: its volume is one of an earlier cluster ${namespace}/${name}. Delete claim ${claimName(podName(statefulSetName(name, empty.id, empty.incarnation)))} and its pod, or give the new HmnCluster another name`,
      command: podsCommand(where),
    };
  const [first] = told;
  if (first === undefined) return undefined;
  if (told.some(({ from }) => !equalJson(from, first.from)))
    return {
      reason: "BackupsDiffer",
      message: `Validators hold different states under the name ${cluster.spec.restoreFrom?.backup}: it was written anew meanwhile. Delete the HmnCluster and its claims, and begin again`,
      command: podsCommand(where),
    };
  const known = new Set(first.validators.map(({ id }) => id));
  const strangers = view.nodes.filter(({ id }) => !known.has(id)).map(({ id }) => id);
  if (strangers.length === 0) return undefined;
  const fitting = view.nodes.findIndex(({ id }) => !known.has(id));
  return {
    reason: "ValidatorsNotInBackup",
    message: `The backup has no validator ${strangers.join(", ")} with a bond. ${fitting >= 4 ? `Set spec.validators.replicas to ${fitting}, and scale up when the network runs` : "Name an older backup in spec.restoreFrom"}`,
    command: specCommand(where),
  };
}

function factsOf({ cluster }: Snapshot, held: Restored | undefined): Partial<RestoreStatus> {
  if (held === undefined) return {};
  const taken = Number(BigInt(held.from.timeNs) / NANOS_PER_MILLI);
  const lost = Date.parse(cluster.metadata.creationTimestamp) - taken;
  return {
    ...{ chainId: held.from.chainId, height: held.from.height, blockTime: new Date(taken).toISOString() },
    lostSeconds: Math.max(0, Math.ceil(lost / 1_000)),
  };
}

/** From the genesis on, until a quorum serves. */
function beginning(snapshot: Snapshot, view: View, before: RestoreStatus): RestoreStatus {
  const { cluster, configMaps, secrets, now } = snapshot;
  const { name, creationTimestamp } = cluster.metadata;
  if (!quorumServes(view)) return { ...before, state: "Beginning", message: "The network begins with it" };
  const file = configMaps.find(({ metadata }) => metadata?.name === genesisName(name))?.data?.["genesis.json"] ?? "{}";
  const owners: unknown = JSON.parse(file).validators?.map(({ ownerKey }: { ownerKey: unknown }) => ownerKey);
  const data = secrets.find(({ metadata }) => metadata?.name === governanceSecretName(name))?.data?.publicKey ?? "";
  const own = Buffer.from(data, "base64").toString("utf8").trim();
  const foreign = Array.isArray(owners) && owners.some((owner) => owner !== own);
  return {
    ...before,
    ...{ state: "Restored", completionTime: timeText(now) },
    recoverySeconds: Math.max(0, Math.ceil((now - Date.parse(creationTimestamp)) / 1_000)),
    message: foreign
      ? `Validators and their bonding account are owned by another key than Secret ${governanceSecretName(name)} holds: nobody can join, leave or get a new vote key. To have that, begin again with the old cluster's Secret under this name`
      : "",
  };
}
