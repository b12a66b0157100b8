import type { V1Pod, V1Secret } from "@kubernetes/client-node";
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

type Known = Pick<Caches, "get" | "items" | "ofCluster">;

/** Which nodes there are to read, from the caches: of all clusters, or of one. */
export function readingTargets(caches: Known, only?: string): readonly ReadingTarget[] {
  const targets: ReadingTarget[] = [];
  for (const item of caches.items("HmnCluster")) {
    if (only !== undefined && itemKey(item) !== only) continue;
    const cluster = decodeCluster(item);
    if (!cluster.ok) continue;
    const clusterKey = itemKey(item);
    targets.push({
      clusterKey,
      network: cluster.value.spec.network,
      metricSource: cluster.value.spec.rollout.metrics?.source,
      credentials: credentialsOf(caches, item),
      nodes: caches.ofCluster("Pod", clusterKey).flatMap((pod) => nodeTarget(pod, cluster.value.status)),
    });
  }
  return targets;
}

function credentialsOf(caches: Known, { metadata: { name, namespace } }: Item): Credentials | undefined {
  const text = (secret: string, field: string): string | undefined => {
    const item = caches.get("Secret", keyOf(namespace, secret)) as (Item & V1Secret) | undefined;
    const data = item?.data?.[field];
    return data === undefined ? undefined : Buffer.from(data, "base64").toString("utf8");
  };
  const authority = caches.get("Secret", keyOf(namespace, authorityName(name))) as (Item & V1Secret) | undefined;
  const ca = readAuthority(authority)?.bundle;
  const certificate = text(operatorSecretName(name), "tls.crt");
  const key = text(operatorSecretName(name), "tls.key");
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
