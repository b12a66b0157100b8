import type { V1Pod, V1Secret } from "@kubernetes/client-node";
import { createMemory } from "../../node/base/memory.ts";
import { millis } from "../../node/base/units.ts";
import type { ClusterStatus } from "../api/cluster.ts";
import { LABELS } from "../api/group.ts";
import { amount } from "../api/quantity.ts";
import { incarnationOf, incarnationOn } from "../api/replacement.ts";
import { authorityName, memberOn, operatorSecretName } from "../desired/names.ts";
import { type Item, itemKey, keyOf } from "../runtime/resource.ts";
import type { Caches } from "./caches.ts";
import { readAuthority } from "./certificates.ts";
import { decodeCluster } from "./decode.ts";
import type { Credentials } from "./node-client.ts";
import type { NodeTarget, ReadingTarget } from "./node-reader.ts";
import type { Limits } from "./sample.ts";
import type { ClusterObject } from "./snapshot.ts";

type Known = Pick<Caches, "get" | "items" | "ofCluster">;

/** Which nodes there are to read, from the caches: of all clusters, or of one. */
export function readingTargets(caches: Known, only?: string): readonly ReadingTarget[] {
  const targets: ReadingTarget[] = [];
  for (const item of caches.items("HmnCluster")) {
    const clusterKey = itemKey(item);
    if (only !== undefined && clusterKey !== only) continue;
    const cluster = decodeCluster(item);
    if (!cluster.ok) continue;
    const { name, namespace } = item.metadata;
    const secret = (named: string): Secret | undefined =>
      caches.get("Secret", keyOf(namespace, named)) as Secret | undefined;
    const pods = caches.ofCluster("Pod", clusterKey);
    const [authority, own] = [secret(authorityName(name)), secret(operatorSecretName(name))];
    const target = known(item, "", [pods, authority, own], () => ({
      clusterKey,
      network: cluster.value.spec.network,
      metricSource: cluster.value.spec.rollout.metrics?.source,
      credentials: credentialsOf(authority, own),
      isAtRest: isAtRest(cluster.value),
      nodes: pods.flatMap((pod) => nodeTarget(pod, cluster.value.status)),
    }));
    targets.push(target);
  }
  return targets;
}
const known = createMemory<ReadingTarget>();

/** What it waits for, if anything, is a time or a person. A tuner that observes wants to see every epoch. */
const isAtRest = ({ metadata, spec, status }: ClusterObject): boolean =>
  status.observedGeneration === metadata.generation &&
  (status.conditions ?? []).some(({ type, status: is }) => type === "Ready" && is === "True") &&
  status.disruption === undefined &&
  (status.tls?.step ?? "Rest") === "Rest" &&
  spec.tuning.mode === "Off";

type Secret = Item & V1Secret;

function credentialsOf(authority: Secret | undefined, own: Secret | undefined): Credentials | undefined {
  const text = (field: string): string | undefined => {
    const data = own?.data?.[field];
    return data === undefined ? undefined : Buffer.from(data, "base64").toString("utf8");
  };
  const ca = readAuthority(authority)?.bundle;
  const certificate = text("tls.crt");
  const key = text("tls.key");
  if (ca === undefined || certificate === undefined || key === undefined) return undefined;
  return { ca, certificate, key };
}

/** Validators and observers alike. Of two pods of one validator only that on its newest volume is read. */
function nodeTarget(item: Item, cluster: ClusterStatus): readonly NodeTarget[] {
  const { status, spec } = item as unknown as V1Pod;
  const { labels = {}, uid, deletionTimestamp } = item.metadata;
  const validator = memberOn(labels);
  if (status?.podIP === undefined || validator === undefined) return [];
  if (incarnationOn(labels) !== incarnationOf(cluster, validator)) return [];
  // A pod that has ended keeps its address, which may be another's by now.
  if (status.phase === "Succeeded" || status.phase === "Failed") return [];
  const revision = labels[LABELS.revision] ?? "";
  return [
    {
      validator,
      pod: item.metadata.name,
      podUid: uid,
      createdAt: millis(Date.parse(item.metadata.creationTimestamp ?? "") || 0),
      ip: status.podIP,
      limits: limitsOf(spec),
      revision,
      stopping: deletionTimestamp !== undefined,
    },
  ];
}

function limitsOf(spec: V1Pod["spec"]): Limits | undefined {
  const { cpu, memory } = spec?.containers.find(({ name }) => name === "node")?.resources?.limits ?? {};
  const [cpuCores, memoryBytes] = [amount(cpu), amount(memory)];
  return cpuCores === undefined || memoryBytes === undefined || !(cpuCores > 0 && memoryBytes > 0)
    ? undefined
    : { cpuCores, memoryBytes };
}
