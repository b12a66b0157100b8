import type { V1Pod } from "@kubernetes/client-node";
import { present } from "../../node/base/assert.ts";
import type { BackupStatus } from "../../operator/api/backup.ts";
import type { ClusterSpecInput } from "../../operator/api/cluster.ts";
import { API_VERSION } from "../../operator/api/group.ts";
import type { RolloutStatus } from "../../operator/api/rollout.ts";
import { podName, serviceName, statefulSetName } from "../../operator/desired/names.ts";
import { resources } from "../../operator/observe/resources.ts";
import type { Item } from "../../operator/runtime/resource.ts";
import { claim } from "../kit/claim.ts";
import { found, instead, waitFor } from "../kit/wait.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import { storageClass } from "./played-volumes.ts";
import { askedFor, grantedRights } from "./rights.ts";
import { openSession, type Session } from "./session.ts";
import type { Stand } from "./stand.ts";
import { specOf } from "./whole-rollout.ts";

/** Rights that no request shows, and why they are granted all the same. */
const UNSEEN: Readonly<Record<string, string>> = {
  "update hmn.dev/hmnclusters/finalizers":
    "asked for inside the API server, where OwnerReferencesPermissionEnforcement is on, at each write of an owner reference that blocks its owner's deletion",
};

export const leastPrivilege: Scenario = {
  name: "least-privilege",
  on: "played",
  tier: "second",
  asserts: [
    "by the audit log of the API server, everything that an operator may do is done in the life of a cluster: no right is unused",
    "nothing is refused to it for want of a right",
  ],
  run: async ({ stand, seed, progress }) => {
    await wholeLife(stand, `life-${seed}`);
    const { rights, refused } = askedFor(stand.api.auditLog);
    const granted = grantedRights();
    progress.say(`${granted.length} rights granted, ${rights.size} kinds of requests seen`);
    const missing = [...refused].toSorted();
    claim(missing.length === 0, "no right is missing", missing);
    const unused = granted.filter((right) => !rights.has(right) && UNSEEN[right] === undefined);
    claim(unused.length === 0, "no right is unused", unused);
    const needless = Object.keys(UNSEEN).filter((right) => rights.has(right) || !granted.includes(right));
    claim(needless.length === 0, "the list of rights that are not seen is true", needless);
  },
};

/** Whatever an operator does in the life of a cluster, once. */
async function wholeLife(stand: Stand, namespace: string): Promise<void> {
  const session = await openSession(stand, namespace);
  const { ask, untilReady, until, verbs, name } = session;
  const say = stand.progress.detail;
  try {
    await ask(gated("1.0.0"));
    await untilReady("the first deployment");
    say("an upgrade with a gate");
    await ask(gated("1.1.0"));
    await approve(session, `${name}-2`);
    await until("the upgrade", ({ currentVersion }) => currentVersion === "1.1.0");
    say("a release that crashes");
    await ask(gated("1.2.1"));
    await until("its rollback", ({ waitingFor }) => waitingFor?.reason === "Quarantined");
    say("what somebody deletes");
    const service = { resource: resources.Service, namespace, name: serviceName(name, 0) };
    await verbs.delete(service, (await verbs.get(service)).metadata.uid);
    say("a new authority, one validator more");
    const rotated = { ...gated("1.1.0"), tls: { rotate: "now", overlapSeconds: 0 } };
    await ask(rotated);
    await until("the new authority", ({ tls }) => tls?.rotateHandled === "now" && tls.step === "Rest");
    await ask({ ...rotated, validators: { replicas: 5 } });
    await until("five validators", ({ size, scale }) => size === 5 && scale === undefined);
    await untilReady("five validators");
    await ask({ ...rotated, validators: { replicas: 4 } });
    await until("four validators", ({ size, scale }) => size === 4 && scale === undefined);
    say("larger volumes");
    const grown = { ...rotated, storage: { ...STORAGE, size: "20Gi" }, validators: { replicas: 4 } };
    await ask(grown);
    await untilGrown(stand, session);
    say("two backups by a schedule, of which one stays");
    await scheduleBackups(session);
    await untilOneWasRemoved(stand, session);
    say("a host that is gone for good");
    await stand.play.loseHost(await hostOf(session, statefulSetName(name, 0, 0)));
    await until(
      "another incarnation",
      ({ incarnations = [], replacement }) => incarnations.length === 1 && replacement === undefined,
    );
    say("records that are too old");
    await untilPruned(stand, session);
    await session.atRest();
    await session.stopOperator();
  } finally {
    await session.close();
  }
}

function gated(version: string): ClusterSpecInput {
  const spec = specOf(version);
  const phases = spec.rollout?.phases?.map((phase, index) => ({ ...phase, gate: index === 0 }));
  return { ...spec, storage: STORAGE, rollout: { ...spec.rollout, phases } };
}

const STORAGE = {
  className: storageClass.metadata.name,
  size: "10Gi",
  replaceLostVolumes: { policy: "After", afterSeconds: 60 },
} as const;

async function untilGrown({ progress }: Stand, { verbs, namespace, untilReady }: Session): Promise<void> {
  await waitFor(
    "all volumes to be larger, and claimed as such",
    async () => {
      const { items } = await verbs.list(resources.StatefulSet, { namespace, limit: 10 });
      const behind = items.filter((item) => !JSON.stringify(item).includes('"storage":"20Gi"'));
      return behind.length === 0 ? found(true) : instead(behind.map(({ metadata }) => metadata.name).join(", "));
    },
    { progress, timeoutMs: SLOW_MS },
  );
  await untilReady("larger volumes");
}

async function scheduleBackups({ verbs, namespace, name }: Session): Promise<void> {
  await verbs.create(
    { resource: resources.HmnBackupSchedule, namespace },
    {
      ...{ apiVersion: API_VERSION, kind: "HmnBackupSchedule", metadata: { name: "minutely" } },
      spec: {
        ...{ cluster: name, schedule: "*/1 * * * *", keep: 1, encryptionSecret: "backup-key" },
        target: { s3: { bucket: "backups", credentialsSecret: "backup-store" } },
      },
    },
  );
}

async function untilOneWasRemoved({ progress }: Stand, { verbs, namespace }: Session): Promise<void> {
  const seen = new Set<string>();
  await waitFor(
    "the older of two backups to be removed",
    async () => {
      const { items } = await verbs.list(resources.HmnBackup, { namespace, limit: 10 });
      const names = items.map(({ metadata }) => metadata.name);
      for (const one of names) seen.add(one);
      const removed = [...seen].filter((one) => !names.includes(one));
      const states = items.map((item) => (item as Item & { status?: BackupStatus }).status);
      return removed.length > 0 ? found(true) : instead(JSON.stringify(states));
    },
    { progress, timeoutMs: SLOW_MS },
  );
}

async function hostOf({ verbs, namespace }: Session, set: string): Promise<string> {
  const pod: Item & Pick<V1Pod, "spec"> = await verbs.get({ resource: resources.Pod, namespace, name: podName(set) });
  return present(pod.spec?.nodeName, "a validator that votes is on a host");
}

type Rollout = Item & { readonly status?: RolloutStatus };

async function approve({ verbs, namespace, name, until }: Session, rollout: string): Promise<void> {
  await until("the gate", ({ waitingFor }) => waitingFor?.who === "User");
  const cluster = await verbs.get({ resource: resources.HmnCluster, namespace, name });
  await verbs.create(
    { resource: resources.HmnApproval, namespace },
    {
      ...{ apiVersion: API_VERSION, kind: "HmnApproval", metadata: { name: `${rollout}-promote` } },
      spec: {
        ...{ cluster: name, clusterUID: cluster.metadata.uid, rollout, action: "Promote", phase: 1 },
        signer: { username: "admin" },
      },
    },
  );
}

const RECORDS_KEPT = 10;
const COPIES_FROM = 90;
const PRUNED_MS = 60_000;
const SLOW_MS = 300_000;

const recordMetadata = ({ metadata: { labels, ownerReferences } }: Item, name: string) => ({
  ...{ name, labels, ownerReferences },
});

/** More records than are kept: as copies of one that ended, since as many rollouts would take very long. */
async function untilPruned(stand: Stand, { verbs, namespace, name }: Session): Promise<void> {
  const place = (rollout: string) => ({ resource: resources.HmnRollout, namespace, name: rollout });
  const whole: Rollout & { readonly spec?: object } = await verbs.get(place(`${name}-2`));
  for (let number = COPIES_FROM; number < COPIES_FROM + RECORDS_KEPT; number += 1) {
    const copy = `${name}-${number}`;
    const { metadata } = await verbs.create(
      { resource: resources.HmnRollout, namespace },
      {
        ...{ apiVersion: API_VERSION, kind: "HmnRollout" },
        ...{ metadata: recordMetadata(whole, copy), spec: { ...whole.spec, number } },
      },
    );
    const { resourceVersion } = metadata;
    const body = { apiVersion: API_VERSION, kind: "HmnRollout", metadata: { name: copy, resourceVersion } };
    await verbs.replace({ ...place(copy), subresource: "status" }, { ...body, spec: {}, status: whole.status });
  }
  await waitFor(
    "the oldest records to go",
    async () => {
      const { items } = await verbs.list(resources.HmnApproval, { namespace, limit: 10 });
      return items.length === 0 ? found(true) : instead("the approval is still there");
    },
    { progress: stand.progress, timeoutMs: PRUNED_MS },
  );
}
