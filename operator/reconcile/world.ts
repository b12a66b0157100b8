import { isObserver } from "../../node/api/contract.ts";
import { assert, unreachable } from "../../node/base/assert.ts";
import { millis } from "../../node/base/units.ts";
import type { ApprovalSpec, ApprovalStatus } from "../api/approval.ts";
import { approvalPolicy, approvalPolicyBinding } from "../api/approval-policy.ts";
import type { BackupScheduleSpec, BackupScheduleStatus, BackupSpec, BackupStatus } from "../api/backup.ts";
import { type ClusterSpec, type ClusterSpecInput, type ClusterStatus, clusterSpecSchema } from "../api/cluster.ts";
import { API_VERSION, LABELS } from "../api/group.ts";
import { incarnationOf, incarnationOn } from "../api/replacement.ts";
import type { RolloutSpec, RolloutStatus } from "../api/rollout.ts";
import { claimName, memberOn, podName } from "../desired/names.ts";
import type { Fleet, NodeReading, Sample, Snapshot } from "../observe/snapshot.ts";
import type { Action } from "./actions.ts";
import { createCertificates, type Lives } from "./world-certificates.ts";
import { createChain } from "./world-chain.ts";
import { createControllers } from "./world-controllers.ts";
import type { World } from "./world-handle.ts";
import { createJobs, isNode } from "./world-jobs.ts";
import { type Behaviour, createNodes } from "./world-nodes.ts";
import { type Brought, createRestores } from "./world-restores.ts";
import { createStore, type Thing } from "./world-store.ts";

export type { World } from "./world-handle.ts";

import { createVolumes } from "./world-volumes.ts";

type SetSpec = { readonly persistentVolumeClaimRetentionPolicy: { readonly whenDeleted: string } };

const START = Date.parse("2026-01-01T00:00:00Z");
const NAME = "payments";
const CLUSTER_UID = "cluster-uid";
const DAY_SECONDS = 86_400;

export function createWorld(options: {
  readonly spec: ClusterSpecInput;
  readonly behaviour: (version: string) => Behaviour;
  /** False: the budget refuses nothing, so that the operator's own gate is all there is. */
  readonly budget?: boolean;
  readonly fleet?: () => Fleet;
  /** Of certificates; as long as real ones by default. */
  readonly lives?: Lives;
  /** What a backup's Job says at its end; that it went well without. */
  readonly backedUp?: Parameters<typeof createJobs>[1];
  /** What a restore brings onto a volume, by the container's arguments. */
  readonly restores?: (args: readonly string[]) => Brought;
  /** Committed weight of each validator; equal ones where missing. */
  readonly weights?: readonly number[];
}): World {
  let now = millis(START);
  let spec = clusterSpecSchema.parse(options.spec);
  let generation = 1;
  let clusterVersion = "1";
  let clusterStatus: ClusterStatus = {};
  const downByUs = new Set<number>();
  const events: string[] = [];
  const store = createStore(() => now);
  const { find, objects, put, apply, touch, copied } = store;
  const jobs = createJobs(store, options.backedUp ?? (() => ({ height: 100, timeNs: `${BigInt(now) * 1_000_000n}` })));

  const controllers = createControllers(
    store,
    () => volumes,
    () => now,
  );
  const { stop } = controllers;
  const idOf = (pod: Thing): number => memberOn(pod.metadata.labels) ?? Number.NaN;
  const isCurrent = (thing: Thing): boolean =>
    incarnationOn(thing.metadata.labels) === incarnationOf(clusterStatus, idOf(thing));
  const evict = (name: string, podUid: string): boolean => {
    const pod = find("Pod", name);
    if (pod === undefined || pod.metadata.uid !== podUid || pod.metadata.deletionTimestamp !== undefined) return false;
    const ready = nodes.isReady(pod);
    const budget = find("PodDisruptionBudget", NAME)?.spec as { minAvailable: number } | undefined;
    if (options.budget !== false && ready && pod.metadata.labels[LABELS.voter] === "true") {
      const healthy = objects("Pod").filter(
        (other) =>
          other.metadata.labels[LABELS.voter] === "true" &&
          other.metadata.deletionTimestamp === undefined &&
          nodes.isReady(other),
      );
      if (healthy.length - 1 < (budget?.minAvailable ?? 0)) return false;
    }
    if (ready) {
      const id = idOf(pod);
      const others = nodes.voting().filter((other) => other !== id);
      const votes = nodes.voting().includes(id);
      assert(!votes || nodes.isQuorum(others), "an eviction of ours leaves a quorum");
      if (!isObserver(id)) downByUs.add(id);
    }
    stop(pod);
    return true;
  };

  const done = (action: Action): boolean => {
    switch (action.type) {
      case "apply":
        return apply(action.object);
      case "create":
        if (find(action.object.kind, action.object.metadata.name) === undefined) put(action.object);
        return true;
      case "status": {
        if (action.kind === "HmnCluster") {
          if (action.resourceVersion !== clusterVersion) return false;
          clusterVersion = store.nextVersion();
          clusterStatus = structuredClone(action.status) as ClusterStatus;
          return true;
        }
        const thing = find(action.kind, action.name);
        if (thing === undefined || thing.metadata.resourceVersion !== action.resourceVersion) return false;
        const before = thing.status as { completionTime?: string; result?: string } | undefined;
        assert(before?.completionTime === undefined, "the record of a finished rollout is not changed");
        assert(before?.result === undefined, "an approval is answered once");
        thing.status = structuredClone(action.status);
        touch(thing);
        return true;
      }
      case "evict":
        return evict(action.pod, action.uid);
      case "delete-pod": {
        const pod = find("Pod", action.pod);
        if (pod === undefined || pod.metadata.uid !== action.uid) return false;
        assert(!nodes.isReady(pod), "only a pod that is not Ready is deleted");
        if (action.force) {
          // It may run unseen: only who has no vote any more may be forgotten.
          assert(!chain.votes(idOf(pod), volumes.keyOf(pod)), "no pod is forgotten that may vote");
          store.remove("Pod", action.pod);
        } else stop(pod);
        return true;
      }
      case "stop-set": {
        const set = find("StatefulSet", action.name);
        if (set === undefined || set.metadata.resourceVersion !== action.resourceVersion) return false;
        const pod = find("Pod", podName(action.name));
        const votes = pod !== undefined && nodes.isReady(pod) && chain.votes(idOf(pod), volumes.keyOf(pod));
        const others = nodes.voting().filter((id) => pod === undefined || id !== idOf(pod));
        assert(!votes || nodes.isQuorum(others), "a set that is stopped leaves a quorum");
        (set.spec as { replicas: number }).replicas = 0;
        touch(set);
        return true;
      }
      case "mark-pod": {
        const pod = find("Pod", action.pod);
        if (pod === undefined || pod.metadata.uid !== action.uid) return false;
        Object.assign(pod.metadata.labels, action.labels);
        Object.assign(pod.metadata.annotations, action.annotations);
        touch(pod);
        return true;
      }
      case "delete": {
        const thing = find(action.kind, action.name);
        const runs = action.kind === "StatefulSet" && thing !== undefined && isCurrent(thing);
        const stays = action.orphan === true;
        assert(!runs || stays || !chain.isMember(idOf(thing)), "no member's node is removed");
        if (stays) controllers.orphan(action.name);
        store.remove(action.kind, action.name);
        const { whenDeleted } =
          (thing?.spec as Partial<SetSpec> | undefined)?.persistentVolumeClaimRetentionPolicy ?? {};
        if (whenDeleted === "Delete" && !stays) volumes.drop(claimName(action.name));
        return true;
      }
      case "grow-claim":
        return volumes.grow(action);
      case "order":
        chain.take(action);
        return true;
      case "issue": {
        const { secret: name, replaces } = action;
        const before = find("Secret", name);
        if (replaces !== undefined && before?.metadata.resourceVersion !== replaces) return false;
        if (replaces === undefined && before !== undefined) return true;
        const data = certificates.issued(action, find("Secret", action.issuer ?? ""), now);
        return apply({ apiVersion: "v1", kind: "Secret", metadata: { name, labels: action.labels }, data });
      }
      case "rotate-authority": {
        const before = find("Secret", action.secret);
        if (before === undefined || before.metadata.resourceVersion !== action.replaces) return false;
        before.data = certificates.rotated(action, before, find("Secret", action.issuer ?? ""), now);
        touch(before);
        return true;
      }
      case "event":
        events.push(`${action.reason}: ${action.message}`);
        return true;
      default:
        return unreachable(action);
    }
  };

  const chain = createChain(options.weights ?? Array.from({ length: spec.validators.replicas }, () => 100));
  const volumes = createVolumes(store, chain.ids);
  const restores = createRestores(options.restores ?? (() => ({ fault: "Missing", detail: "there is no store" })));
  const nodes = createNodes({
    restores,
    behaviour: options.behaviour,
    ...{ chain, volumes },
    isRead: isCurrent,
    network: spec.network,
    pods: () => objects("Pod").filter(isNode),
    genesis: () => find("ConfigMap", `${NAME}-genesis`),
    told: (pod) => certificates.told(pod),
  });
  const certificates = createCertificates({
    ...{ name: NAME, find, objects },
    authoritySecret: () => spec.tls.authoritySecret,
    lives: options.lives ?? { authoritySeconds: 3_650 * DAY_SECONDS, leafSeconds: 365 * DAY_SECONDS },
    runs: (pod) =>
      (pod.status as { phase?: string }).phase === "Running" &&
      pod.metadata.deletionTimestamp === undefined &&
      !volumes.isGone(pod),
  });

  put(structuredClone(approvalPolicy));
  put(structuredClone(approvalPolicyBinding));

  return {
    ...{ nodes, volumes, chain },
    certificates,
    downByUs,
    events,
    now: () => now,
    objects,
    find,
    create: (object) => void put(object),
    remove: (kind, name) => {
      const thing = find(kind, name);
      if (thing !== undefined && kind === "Pod") stop(thing);
      else store.remove(kind, name);
    },
    meddle: (kind, name, manager, change) => {
      const thing = find(kind, name);
      if (thing !== undefined) store.meddle(thing, manager, change);
    },
    approve: (word) => {
      const name = `${NAME}-word-${objects("HmnApproval").length + 1}`;
      const spec = {
        cluster: NAME,
        clusterUID: CLUSTER_UID,
        phase: 0,
        reason: "",
        signer: { username: "ada" },
        ...word,
      };
      put({ apiVersion: API_VERSION, kind: "HmnApproval", metadata: { name }, spec });
      return name;
    },
    status: () => clusterStatus,
    rollouts: () =>
      objects("HmnRollout").map((thing) => ({
        name: thing.metadata.name,
        spec: thing.spec as RolloutSpec,
        status: (thing.status ?? {}) as RolloutStatus,
      })),
    edit: (change) => {
      spec = clusterSpecSchema.parse(change(spec));
      generation += 1;
      clusterVersion = store.nextVersion();
    },
    tick: () => {
      now = millis(now + 1000);
      controllers.tick();
      jobs.tick();
      volumes.tick();
      nodes.tick(now);
      certificates.tick(now);
      for (const pod of objects("Pod").filter(isNode)) restores.tick(pod);
      for (const id of downByUs) if (nodes.voting().includes(id)) downByUs.delete(id);
    },
    carryOut: (actions) => {
      const failed = actions.findIndex((action) => !done(action));
      return failed === -1 ? actions.length : failed;
    },
    snapshot: () => {
      const list = <T>(kind: string) => objects(kind).map(copied) as unknown as readonly T[];
      const metadata = (thing: Thing["metadata"]) => ({ ...thing, namespace: "hmn-test", deleting: false });
      const records = <Spec, Status extends object>(kind: string) =>
        objects(kind).map((thing) => ({
          metadata: metadata(thing.metadata),
          spec: thing.spec as Spec,
          status: structuredClone((thing.status ?? {}) as Status),
        }));
      return {
        now,
        cluster: {
          metadata: metadata({
            name: NAME,
            uid: CLUSTER_UID,
            resourceVersion: clusterVersion,
            generation,
            ...{ labels: {}, annotations: {}, creationTimestamp: new Date(START).toISOString() },
          }),
          spec,
          status: structuredClone(clusterStatus),
        },
        rollouts: records<RolloutSpec, RolloutStatus>("HmnRollout").toSorted((a, b) => a.spec.number - b.spec.number),
        backups: records<BackupSpec, BackupStatus>("HmnBackup"),
        backupSchedules: records<BackupScheduleSpec, BackupScheduleStatus>("HmnBackupSchedule"),
        ...restoreBackup(records<BackupSpec, BackupStatus>("HmnBackup"), spec),
        jobs: list("Job"),
        backupPods: objects("Pod")
          .filter((pod) => !isNode(pod))
          .map(copied) as unknown as Snapshot["backupPods"],
        statefulSets: list("StatefulSet"),
        pods: objects("Pod").filter(isNode).map(copied) as unknown as Snapshot["pods"],
        services: list("Service"),
        configMaps: list("ConfigMap"),
        secrets: list("Secret"),
        ...certificates.facts(),
        orderFault: "",
        claimFault: volumes.fault(),
        budgets: list("PodDisruptionBudget"),
        networkPolicies: list("NetworkPolicy"),
        serviceAccounts: list("ServiceAccount"),
        approvals: records<ApprovalSpec, ApprovalStatus>("HmnApproval").filter(
          ({ spec: said }) => said.clusterUID === CLUSTER_UID,
        ),
        admissionPolicies: list("ValidatingAdmissionPolicy"),
        admissionBindings: list("ValidatingAdmissionPolicyBinding"),
        claims: list("PersistentVolumeClaim"),
        revisions: list("ControllerRevision"),
        hosts: volumes.hosts(),
        readings: new Map<number, NodeReading>(nodes.readings()),
        samples: [...nodes.samples()] as readonly Sample[],
        epochs: new Map(chain.ids().map((id) => [id, chain.measured()])),
        crashLogs: new Map(nodes.crashLogs()),
        fleet: options.fleet?.() ?? { frozen: false, maxConcurrentRollouts: 0, rivals: () => [] },
      };
    },
  };
}

/** As the operator's caches find it. */
function restoreBackup(backups: Snapshot["backups"], { restoreFrom }: ClusterSpec): Pick<Snapshot, "restoreBackup"> {
  const found = backups.find(({ metadata }) => metadata.name === restoreFrom?.backup);
  return found === undefined || restoreFrom?.target !== undefined ? {} : { restoreBackup: found };
}
