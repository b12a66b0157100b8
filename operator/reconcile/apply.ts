import { assert, unreachable } from "../../node/base/assert.ts";
import { API_VERSION } from "../api/group.ts";
import { governanceSecretName } from "../desired/names.ts";
import type { Caches } from "../observe/caches.ts";
import { readingTargets } from "../observe/reading-targets.ts";
import { isKindName, type KindName, resources } from "../observe/resources.ts";
import { isStatus } from "../runtime/api-error.ts";
import type { Recorder } from "../runtime/events.ts";
import type { Logger } from "../runtime/log.ts";
import type { Metrics } from "../runtime/metrics.ts";
import { type Item, keyOf } from "../runtime/resource.ts";
import type { Verbs } from "../runtime/verbs.ts";
import { type Attributes, noSpan, type Span, step } from "../trace/span.ts";
import type { Action, KubeObject } from "./actions.ts";
import type { ClaimFaults } from "./claim-faults.ts";
import { issuedSecret, rotatedAuthority, type SecretText } from "./issue.ts";
import type { Orders } from "./orders.ts";
import type { OwnWrites } from "./own-writes.ts";

/** How a list of actions went; what was not reached is decided anew. */
export type Outcome =
  | { readonly type: "done" }
  /** The PodDisruptionBudget does not allow the eviction now. */
  | { readonly type: "budget"; readonly pod: string; readonly message: string }
  /** Something changed since the decision. */
  | { readonly type: "conflict"; readonly message: string };

export type ApplierOptions = {
  readonly verbs: Verbs;
  readonly caches: Pick<Caches, "get" | "items" | "ofCluster">;
  readonly orders: Orders;
  readonly claimFaults: ClaimFaults;
  readonly recorder: Recorder;
  readonly ownWrites: OwnWrites;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly now?: () => number;
};
/** Carries out actions in order, and stops at the first that fails. The only writer. Throws what is nobody's expectation. */
export type Applier = (cluster: Item, clusterKey: string, actions: readonly Action[], span?: Span) => Promise<Outcome>;

export function createApplier(options: ApplierOptions): Applier {
  const { verbs, caches, orders, claimFaults, recorder, ownWrites, metrics, log, now = Date.now } = options;

  const carryOut = async (cluster: Item, clusterKey: string, action: Action, span: Span): Promise<void> => {
    const namespace = cluster.metadata.namespace ?? "";
    const place = (kind: KindName, name: string) => ({ resource: resources[kind], namespace, name });
    const written = (kind: KindName, { metadata }: Item) => {
      const key = keyOf(namespace, metadata.name);
      ownWrites.expect(clusterKey, { kind, namespace, key, version: metadata.resourceVersion });
    };
    const removed = (kind: KindName, name: string, uid: string) =>
      ownWrites.expect(clusterKey, { kind, namespace, key: keyOf(namespace, name), removedUid: uid });
    const create = async (kind: KindName, object: KubeObject) => {
      try {
        written(kind, await verbs.create({ resource: resources[kind], namespace }, object));
      } catch (error) {
        if (!isStatus(error, 409)) throw error;
        log.debug({ kind, name: object.metadata.name }, "it exists already");
      }
    };

    switch (action.type) {
      case "apply": {
        const kind = kindOf(action.object, namespace);
        written(kind, await verbs.apply(place(kind, action.object.metadata.name), action.object));
        return;
      }
      case "create":
        return create(kindOf(action.object, namespace), action.object);
      case "status": {
        const { kind, name, resourceVersion, status } = action;
        const body = { apiVersion: API_VERSION, kind, metadata: { name, namespace, resourceVersion }, status };
        written(kind, await verbs.replace({ ...place(kind, name), subresource: "status" }, body));
        return;
      }
      case "evict":
        await verbs.evict(place("Pod", action.pod), action.uid);
        return removed("Pod", action.pod, action.uid);
      case "delete-pod":
        await verbs.delete(place("Pod", action.pod), action.uid, action.force ? 0 : undefined);
        return removed("Pod", action.pod, action.uid);
      case "mark-pod": {
        const { uid, labels = {}, annotations = {} } = action;
        // A UID in a patch is a precondition: another pod of the same name answers 409.
        written("Pod", await verbs.mergePatch(place("Pod", action.pod), { metadata: { uid, labels, annotations } }));
        return;
      }
      case "stop-set": {
        const { name, uid, resourceVersion } = action;
        const patch = { metadata: { uid, resourceVersion }, spec: { replicas: 0 } };
        return written("StatefulSet", await verbs.mergePatch(place("StatefulSet", name), patch));
      }
      case "grow-claim": {
        const { name, uid, resourceVersion, size } = action;
        const patch = { metadata: { uid, resourceVersion }, spec: { resources: { requests: { storage: size } } } };
        try {
          written("PersistentVolumeClaim", await verbs.mergePatch(place("PersistentVolumeClaim", name), patch));
          claimFaults.note(clusterKey, "");
        } catch (error) {
          if (!isStatus(error, 403, 422)) throw error;
          log.warn({ cluster: clusterKey, claim: name, reason: error.message }, "claim not enlarged");
          claimFaults.note(clusterKey, error.message);
        }
        return;
      }
      case "delete": {
        const { kind, name, uid } = action;
        assert(isKindName(kind), `${kind} is a kind that the operator writes`);
        assert(resources[kind].apiVersion === action.apiVersion, `${kind} is written as ${resources[kind].apiVersion}`);
        await verbs.delete(place(kind, name), uid, undefined, action.orphan === true ? "Orphan" : "Background");
        return removed(kind, name, uid);
      }
      case "issue": {
        const known = caches.get("Secret", keyOf(namespace, action.secret)) !== undefined;
        if (action.replaces === undefined && known) return;
        const secret = await issuedSecret(action, namespace, await issuerOf(action, namespace, span), now());
        if (action.replaces === undefined) return create("Secret", secret);
        return patchSecret(clusterKey, namespace, action, secret.stringData);
      }
      case "rotate-authority": {
        const before = await secretText(action.secret, namespace, span);
        const issuer = await issuerOf(action, namespace, span);
        return patchSecret(clusterKey, namespace, action, await rotatedAuthority(action, before, issuer, now()));
      }
      case "order": {
        const target = readingTargets(caches, clusterKey)[0];
        const { seed = "", publicKey = "" } = await secretText(
          governanceSecretName(cluster.metadata.name),
          namespace,
          span,
        );
        if (target === undefined) return;
        const given = await orders.give(action, target, { seed: seed.trim(), publicKey: publicKey.trim() });
        // Whether it counts is seen in the nodes' status; until then it is given again.
        if (!given.ok) log.warn({ cluster: clusterKey, reason: given.reason, detail: given.detail }, "order not taken");
        return;
      }
      case "event": {
        const { about, severity, reason, message } = action;
        const rollout = about === "HmnCluster" ? undefined : caches.get("HmnRollout", keyOf(namespace, about.rollout));
        const kind = rollout === undefined ? "HmnCluster" : "HmnRollout";
        return recorder.record({ about: rollout ?? cluster, apiVersion: API_VERSION, kind, severity, reason, message });
      }
      default:
        return unreachable(action);
    }
  };

  /** A resourceVersion in a patch is a precondition: what was decided on an older Secret answers 409. */
  const patchSecret = async (
    clusterKey: string,
    namespace: string,
    { secret, replaces }: { readonly secret: string; readonly replaces?: string },
    stringData: Readonly<Record<string, string | null>>,
  ): Promise<void> => {
    const encoded = Object.entries(stringData).map(([key, text]) => [
      key,
      text === null ? null : Buffer.from(text).toString("base64"),
    ]);
    const item = await verbs.mergePatch(
      { resource: resources.Secret, namespace, name: secret },
      { metadata: { resourceVersion: replaces }, data: Object.fromEntries(encoded) },
    );
    const key = keyOf(namespace, secret);
    ownWrites.expect(clusterKey, { kind: "Secret", namespace, key, version: item.metadata.resourceVersion });
  };

  /** From the API server, since the Secret may have been made a moment ago. */
  const secretText = async (name: string, namespace: string, span: Span): Promise<SecretText> => {
    const secret: Item & { readonly data?: Readonly<Record<string, string>> } = await step(
      span,
      "read Secret",
      { "hmn.name": name },
      () => verbs.get({ resource: resources.Secret, namespace, name }),
    );
    const decode = (value: string) => Buffer.from(value, "base64").toString("utf8");
    return Object.fromEntries(Object.entries(secret.data ?? {}).map(([key, value]) => [key, decode(value)]));
  };

  const issuerOf = async ({ issuer }: { readonly issuer?: string }, namespace: string, span: Span) =>
    issuer === undefined ? undefined : secretText(issuer, namespace, span);

  return async (cluster, clusterKey, actions, span = noSpan) => {
    for (const action of actions) {
      const { type } = action;
      const write = span.child(`write ${type}`, attributesOf(action));
      try {
        await carryOut(cluster, clusterKey, action, write);
        write.end();
        metrics.actions.inc({ type, result: "done" });
        if (type !== "event") log.info({ cluster: clusterKey, action: type, ...subjectOf(action) }, "carried out");
      } catch (error) {
        write.end(error);
        if (action.type === "evict" && isStatus(error, 429)) {
          metrics.actions.inc({ type, result: "budget" });
          return { type: "budget", pod: action.pod, message: error.message };
        }
        // 404: what it speaks of is gone. Both say that the view was old, which the next one will not be.
        if (isStatus(error, 404, 409)) {
          metrics.actions.inc({ type, result: "conflict" });
          return { type: "conflict", message: error.message };
        }
        metrics.actions.inc({ type, result: "error" });
        // A quota, a policy or a field that this API server cannot give: a person has to know.
        if ((type === "apply" || type === "create") && isStatus(error, 403, 422))
          await recorder.record({
            about: cluster,
            apiVersion: API_VERSION,
            kind: "HmnCluster",
            severity: "Warning",
            reason: "ObjectRefused",
            message: `The API server refuses ${action.object.kind} ${action.object.metadata.name}: ${error.message}`,
          });
        throw error;
      }
    }
    return { type: "done" };
  };
}

/** The kind of an object of ours, which is one that the operator knows and lies in the cluster's own namespace. */
function kindOf(object: KubeObject, namespace: string): KindName {
  const { kind, apiVersion, metadata } = object;
  assert(isKindName(kind), `${kind} is a kind that the operator writes`);
  assert(resources[kind].apiVersion === apiVersion, `${kind} is written as ${resources[kind].apiVersion}`);
  assert((metadata.namespace ?? namespace) === namespace, "the operator writes only into its cluster's namespace");
  return kind;
}

const attributesOf = (action: Action): Attributes =>
  Object.fromEntries(Object.entries(subjectOf(action)).map(([key, value]) => [`hmn.${key}`, value]));

/** What an action is about, for log and trace: names only. */
function subjectOf(action: Action): Readonly<Record<string, string>> {
  switch (action.type) {
    case "apply":
    case "create":
      return { kind: action.object.kind, name: action.object.metadata.name };
    case "status":
    case "delete":
      return { kind: action.kind, name: action.name };
    case "evict":
    case "delete-pod":
    case "mark-pod":
      return { kind: "Pod", name: action.pod };
    case "issue":
    case "rotate-authority":
      return { kind: "Secret", name: action.secret };
    case "stop-set":
      return { kind: "StatefulSet", name: action.name };
    case "grow-claim":
      return { kind: "PersistentVolumeClaim", name: action.name };
    case "order":
      return { kind: "Validator", name: String(action.validator), order: action.order.kind };
    case "event":
      return { reason: action.reason };
    default:
      return unreachable(action);
  }
}
