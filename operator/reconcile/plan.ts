import type { Hex } from "../../node/base/bytes.ts";
import { createMemory } from "../../node/base/memory.ts";
import { LABELS } from "../api/group.ts";
import type { Repair } from "../api/repairs.ts";
import { budget, minAvailable } from "../desired/budget.ts";
import { authorityConfig, networkConfig } from "../desired/config.ts";
import { genesisConfig, genesisFile, restoredGenesisFile } from "../desired/genesis.ts";
import { inputsOf, revisionOf } from "../desired/inputs.ts";
import { authorityName, genesisName, governanceSecretName, statefulSetName } from "../desired/names.ts";
import { networkPolicy, restorePolicy } from "../desired/network-policy.ts";
import { revisionObject, type StoredRevision } from "../desired/revision.ts";
import { authority, governance, nodeLeaf, operatorLeaf } from "../desired/secrets.ts";
import { serviceAccount } from "../desired/service-account.ts";
import { clientService, validatorService } from "../desired/services.ts";
import { specFault } from "../desired/spec-fault.ts";
import { statefulSet } from "../desired/stateful-set.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import { specCommand } from "../rollout/situation.ts";
import { timeText } from "../rollout/time.ts";
import type { View } from "../rollout/view.ts";
import type { Action, KubeObject } from "./actions.ts";
import { contest, type Differing } from "./contest.ts";
import { fulfils } from "./differ.ts";
import { endsWith, isUsable, urgentAt } from "./leaf-age.ts";
import { observerObjects, type WantedObserver } from "./observers.ts";
import { type Restore, restoring, restoringOf } from "./restoring.ts";
import { version } from "./rotation.ts";

type Issue = Extract<Action, { type: "issue" }>;
type Named = { readonly metadata?: { readonly name?: string | undefined } | undefined };
const named = <T extends Named>(objects: readonly T[], name: string): T | undefined =>
  objects.find((object) => object.metadata?.name === name);

/** Text under a key of a Secret, or undefined. */
export function secretText(snapshot: Snapshot, secret: string, key: string): string | undefined {
  const data = named(snapshot.secrets, secret)?.data?.[key];
  return data === undefined ? undefined : Buffer.from(data, "base64").toString("utf8").trim();
}

/** Why the plan cannot go on by itself, and the command that shows or changes it. */
export type Obstacle = { readonly reason: string; readonly message: string; readonly command: string };

/** A steady cluster is looked at again and again, and renders and compares nothing anew. */
const rendered = createMemory<KubeObject>();
const fulfilled = createMemory<boolean>();
const leavesOf = createMemory<readonly Issue[]>();
const kinded = createMemory<NonNullable<Differing["actual"]>>();

type Part = { readonly actions: readonly Action[]; readonly obstacle: Obstacle | undefined };
export type Plan = Part & { readonly repairs: readonly Repair[]; readonly restore: Restore };

/** What has to be written so that the owned objects are as wanted; `assigned` names the revision of each validator, `observers` those that there shall be. */
export function plan(
  snapshot: Snapshot,
  view: View,
  stored: ReadonlyMap<string, StoredRevision>,
  assigned: (validator: number) => string | undefined,
  observers: readonly WantedObserver[],
): Plan {
  const keys = issues(snapshot, observers);
  const restore = restoring(snapshot, view);
  const genesis = genesisPlan(snapshot, view, restore);
  const differing = objects(snapshot, view, stored, { assigned, observers, restore }).filter(
    ({ actual, wanted }) => !fulfilled(wanted, "", [actual], () => fulfils(actual, wanted)),
  );
  const { write, repairs, obstacle: fight } = contest(snapshot, differing);
  return {
    actions: [
      ...keys.actions,
      ...write.map((object): Action => ({ type: "apply", object })),
      ...newRevision(snapshot, stored),
      ...genesis.actions,
    ],
    ...{ repairs, restore },
    obstacle: keys.obstacle ?? fight ?? invalid(snapshot) ?? restore.obstacle ?? genesis.obstacle,
  };
}

function invalid({ cluster }: Snapshot): Obstacle | undefined {
  const message = specFault(cluster.spec);
  const { name, namespace } = cluster.metadata;
  return message === undefined
    ? undefined
    : { reason: "SpecInvalid", message, command: specCommand({ cluster: name, namespace }) };
}

const objectsCommand = ({ cluster }: Snapshot): string =>
  `kubectl get secrets,configmaps -n ${cluster.metadata.namespace} -l hmn.dev/cluster=${cluster.metadata.name}`;

/**
 * Keys that do not exist yet, and certificates that nobody can use any more: those are replaced at once, whatever is up or
 * down. What is still good is the rotation's.
 */
function issues(snapshot: Snapshot, observers: readonly WantedObserver[]): Part {
  const { cluster, authority: signer } = snapshot;
  const { name } = cluster.metadata;
  const absent = ({ secret }: Issue) => named(snapshot.secrets, secret) === undefined;
  const ofValidators = leavesOf(cluster, "", [], () => [
    operatorLeaf(cluster),
    ...Array.from({ length: cluster.spec.validators.replicas }, (_, id) => nodeLeaf(cluster, id)),
  ]);
  const leaves = [...ofValidators, ...observers.map(({ id }) => nodeLeaf(cluster, id))];
  const began = named(snapshot.configMaps, genesisName(name)) !== undefined;
  const root = authority(cluster);
  // A second CA would cut off every node that trusts the first.
  const lost = absent(root) && named(snapshot.configMaps, authorityName(name)) !== undefined;
  const fault = givenFault(snapshot);
  const broken = !absent(root) && signer?.signs !== true;
  // What it signs would be as useless; the rotation brings another one first.
  const expired = signer !== undefined && snapshot.now >= signer.current.notAfter;
  const first = [root, ...(began ? [] : [governance(cluster)])];
  const useless = leaves
    .filter((issue) => {
      const leaf = snapshot.leaves.get(issue.secret);
      const last = leaf !== undefined && signer !== undefined && endsWith(leaf, signer);
      return !absent(issue) && !last && !isUsable(leaf, snapshot.now);
    })
    .map((leaf) => ({ ...leaf, ...version(snapshot, leaf.secret) }));
  return {
    actions:
      lost || broken || (absent(root) && fault !== undefined)
        ? []
        : [...first.filter(absent), ...(expired ? [] : [...leaves.filter(absent), ...useless])],
    obstacle: broken
      ? {
          reason: "AuthorityUnusable",
          message: `Secret ${authorityName(name)} holds no certificate authority with its key in ca.crt and ca.key (PEM): no certificate can be issued. Mend it; nodes keep running on theirs`,
          command: objectsCommand(snapshot),
        }
      : lost
        ? {
            reason: "AuthorityMissing",
            message: `Secret ${authorityName(name)} is gone: no certificate can be issued. Restore it from a backup; nodes keep running on theirs`,
            command: objectsCommand(snapshot),
          }
        : fault,
  };
}

/** What is wrong with the Secret in which somebody else gives the authority. */
function givenFault(snapshot: Snapshot): Obstacle | undefined {
  const { given, now, cluster } = snapshot;
  const tell = (detail: string): Omit<Obstacle, "reason"> => ({
    message: `Secret ${cluster.spec.tls.authoritySecret} (spec.tls.authoritySecret): ${detail}. Nodes keep running on the certificates that they have`,
    command: `kubectl describe secret ${cluster.spec.tls.authoritySecret} -n ${cluster.metadata.namespace}`,
  });
  if (given === undefined) return undefined;
  if (!given.ok) return { reason: given.reason, ...tell(given.detail ?? "it cannot be used") };
  const { certificate } = given.value;
  if (now < urgentAt(certificate)) return undefined;
  const end = timeText(certificate.notAfter);
  return {
    reason: "IssuerSecretEnding",
    ...tell(`its authority ends at ${end} and has not been renewed: look at the Certificate that makes it`),
  };
}

function objects(
  snapshot: Snapshot,
  view: View,
  stored: ReadonlyMap<string, StoredRevision>,
  {
    assigned,
    observers,
    restore,
  }: {
    assigned: (validator: number) => string | undefined;
    observers: readonly WantedObserver[];
    restore: Restore;
  },
): readonly Differing[] {
  const { cluster } = snapshot;
  const { name } = cluster.metadata;
  const pair = (objects: readonly NonNullable<Differing["actual"]>[], wanted: KubeObject): Differing => ({
    actual: withKind(named(objects, wanted.metadata.name), wanted),
    wanted,
  });
  /** What an object is made of beside the cluster stands in `beside`. */
  const once = (what: string, make: () => KubeObject, ...beside: readonly unknown[]): KubeObject =>
    rendered(cluster, what, beside, make);
  const ids = view.nodes.map(({ id }) => id);
  const certificate = snapshot.authority?.bundle;
  const least = wantedMinAvailable(snapshot, view);
  return [
    pair(
      snapshot.serviceAccounts,
      once("account", () => serviceAccount(cluster)),
    ),
    pair(
      snapshot.networkPolicies,
      once("policy", () => networkPolicy(cluster, snapshot.hosts), snapshot.hosts),
    ),
    ...(restore.status?.source?.target.s3 === undefined
      ? []
      : [pair(snapshot.networkPolicies, restorePolicy(cluster))]),
    pair(
      snapshot.budgets,
      once("budget", () => budget(cluster, least), least),
    ),
    pair(
      snapshot.configMaps,
      once("network", () => networkConfig(cluster)),
    ),
    ...(certificate === undefined
      ? []
      : [
          pair(
            snapshot.configMaps,
            once("authority", () => authorityConfig(cluster, certificate), certificate),
          ),
        ]),
    pair(
      snapshot.services,
      once("clients", () => clientService(cluster)),
    ),
    ...ids.map((id) =>
      pair(
        snapshot.services,
        once(`service ${id}`, () => validatorService(cluster, id)),
      ),
    ),
    ...view.nodes.flatMap((node) => {
      const { id, incarnation } = node;
      const actual = named(snapshot.statefulSets, statefulSetName(name, id, incarnation));
      const revision = stored.get(assigned(id) ?? "");
      if (revision === undefined || restore.waits) return [];
      const restored = restoringOf(snapshot, node, restore);
      const make = () => basedOn(actual, statefulSet(cluster, id, revision, actual, restored));
      const wanted = once(`set ${id}`, make, revision, actual, restored);
      return [{ actual: withKind(actual, wanted), wanted }];
    }),
    ...observerObjects(snapshot, observers, stored).map((wanted) => {
      if (wanted.kind !== "StatefulSet")
        return pair(wanted.kind === "Service" ? snapshot.services : snapshot.budgets, wanted);
      const actual = named(snapshot.statefulSets, wanted.metadata.name);
      return { actual: withKind(actual, wanted), wanted: basedOn(actual, wanted) };
    }),
  ];
}

/** Lists of the API carry no kind in their items. */
const withKind = (actual: Differing["actual"], wanted: KubeObject) =>
  actual === undefined
    ? undefined
    : kinded(actual, "", [], () => ({ ...actual, apiVersion: wanted.apiVersion, kind: wanted.kind }));

/** A template is written only onto the object that it was decided on. */
function basedOn(actual: Snapshot["statefulSets"][number] | undefined, wanted: KubeObject): KubeObject {
  const resourceVersion = actual?.metadata?.resourceVersion;
  return resourceVersion === undefined ? wanted : { ...wanted, metadata: { ...wanted.metadata, resourceVersion } };
}

/** By the committed validators; while nobody can be asked it stays as it is. */
export function wantedMinAvailable(snapshot: Snapshot, view: View): number {
  const now = named(snapshot.budgets, snapshot.cluster.metadata.name)?.spec?.minAvailable;
  const before = typeof now === "number" ? now : 0;
  if (view.voters.length === 0) return before;
  const wanted = minAvailable(view.voters);
  // A pod that is counted and no voter any more would let one voter too many go.
  return formerVoters(snapshot, view).length > 0 ? Math.max(before, wanted) : wanted;
}

/** Pods that the budget counts although their validators have left. */
export const formerVoters = ({ pods }: Snapshot, view: View): Snapshot["pods"] =>
  pods.filter(
    ({ metadata }) =>
      metadata?.labels?.[LABELS.voter] === "true" &&
      metadata.deletionTimestamp === undefined &&
      !view.voters.some(({ id }) => String(id) === metadata.labels?.[LABELS.validator]),
  );

/** The release of the spec, rendered once and kept before anything runs it. */
function newRevision(snapshot: Snapshot, stored: ReadonlyMap<string, StoredRevision>): readonly Action[] {
  const inputs = inputsOf(snapshot.cluster.spec);
  return stored.has(revisionOf(inputs)) ? [] : [{ type: "create", object: revisionObject(snapshot.cluster, inputs) }];
}

/** Written once, when every validator has shown a key and the authority's key exists. */
function genesisPlan(snapshot: Snapshot, view: View, restore: Restore): Part {
  const { cluster } = snapshot;
  const { name, namespace } = cluster.metadata;
  const nothing: Part = { actions: [], obstacle: undefined };
  if (named(snapshot.configMaps, genesisName(name)) !== undefined) return nothing;
  const chain = view.nodes.find((node) => node.status !== undefined && node.status.chainId !== null);
  if (chain !== undefined || (cluster.status.chainId ?? "") !== "")
    return {
      actions: [],
      obstacle: {
        reason: "GenesisMissing",
        message: `The network has begun, but ConfigMap ${genesisName(name)} is gone (or volumes of an earlier cluster ${namespace}/${name} are in use). Restore it, or delete the old volumes and begin anew`,
        command: objectsCommand(snapshot),
      },
    };
  const consensusKeys: Hex[] = [];
  for (const node of view.nodes) {
    if (node.status?.validator !== node.id || node.status.network !== cluster.spec.network) return nothing;
    // A node whose volume takes no writes may not have been able to make its key.
    if (!node.status.storage.writable) return nothing;
    consensusKeys.push(node.status.publicKey);
  }
  const key = secretText(snapshot, governanceSecretName(name), "publicKey");
  if (key === undefined || !/^[0-9a-f]{64}$/.test(key)) return nothing;
  if (new Set(consensusKeys).size !== consensusKeys.length)
    return {
      actions: [],
      obstacle: {
        reason: "KeysNotDistinct",
        message: "Two validators show the same key: their volumes are copies of one another. Delete one of the claims",
        command: objectsCommand(snapshot),
      },
    };
  const create = (file: Parameters<typeof genesisConfig>[1]): Part => ({
    actions: [{ type: "create", object: genesisConfig(cluster, file) }],
    obstacle: undefined,
  });
  const facts = { authority: key, now: snapshot.now };
  if (cluster.spec.restoreFrom === undefined) return create(genesisFile(cluster, { ...facts, consensusKeys }));
  const { agreed } = restore;
  if (agreed === undefined) return nothing;
  const validators = agreed.validators.flatMap((one) => {
    const consensusKey = consensusKeys[one.id];
    return consensusKey === undefined ? [] : [{ ...one, consensusKey }];
  });
  return create(restoredGenesisFile(cluster, { ...facts, validators, restored: agreed }));
}
