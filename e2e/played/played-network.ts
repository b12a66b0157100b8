import { createHash } from "node:crypto";
import type { V1ConfigMap, V1Pod, V1Secret } from "@kubernetes/client-node";
import { millis } from "../../node/base/units.ts";
import { incarnationOf, incarnationOn } from "../../operator/api/replacement.ts";
import { authorityName, genesisName, leafSecretName, memberOn } from "../../operator/desired/names.ts";
import type { Caches } from "../../operator/observe/caches.ts";
import { decodeCluster } from "../../operator/observe/decode.ts";
import { createChain, publicKeyOf } from "../../operator/reconcile/world-chain.ts";
import { type Behaviour, createNodes, type ModelNodes } from "../../operator/reconcile/world-nodes.ts";
import type { Thing } from "../../operator/reconcile/world-store.ts";
import { type Item, keyOf } from "../../operator/runtime/resource.ts";
import { type Counters, counted, noCounters } from "./counters.ts";
import { takeBatch } from "./played-orders.ts";
import type { Answers, NodeFiles } from "./responder.ts";

/** The nodes of one HmnCluster: the model's nodes, and the model's kubelet, on pods of a real API server. */
export type PlayedNetwork = {
  readonly nodes: ModelNodes;
  /** One second passes. Returns the pods whose status the kubelet has something new to say about. */
  tick(nowMs: number): readonly { readonly pod: Thing; readonly status: object }[];
  filesOf(pod: Item): NodeFiles | undefined;
  answersOf(pod: Item): Answers | undefined;
};

const VALIDATORS_MAX = 100;
const GENESIS_WEIGHT = 100;

export function createPlayedNetwork(
  caches: Caches,
  cluster: Item,
  {
    behaviour,
    isGone,
  }: { readonly behaviour: (version: string) => Behaviour; readonly isGone: (pod: Item) => boolean },
): PlayedNetwork | undefined {
  const decoded = decodeCluster(cluster);
  if (!decoded.ok) return undefined;
  const { spec, metadata } = decoded.value;
  const { name, namespace } = metadata;
  const clusterKey = keyOf(namespace, name);
  const pods = new Map<string, Thing>();
  const told = new Map<string, string>();
  const counters = new Map<string, { readonly restarts: number; readonly counters: Counters }>();
  const find = <T>(kind: "Secret" | "ConfigMap", wanted: string): T | undefined =>
    caches.get(kind, keyOf(namespace, wanted)) as T | undefined;
  const validatorOf = ({ metadata: { labels = {} } }: Pick<Item, "metadata">): number => memberOn(labels) ?? Number.NaN;

  const filesOf = (pod: Pick<Item, "metadata">): NodeFiles | undefined => {
    const leaf = find<V1Secret>("Secret", leafSecretName(name, validatorOf(pod)))?.data;
    const ca = find<V1ConfigMap>("ConfigMap", authorityName(name))?.data?.["ca.crt"];
    const text = (key: string): string | undefined =>
      leaf?.[key] === undefined ? undefined : Buffer.from(leaf[key], "base64").toString("utf8");
    const [certificate, key] = [text("tls.crt"), text("tls.key")];
    return certificate === undefined || key === undefined || ca === undefined ? undefined : { ca, certificate, key };
  };
  const weights = Array.from({ length: Math.min(spec.validators.replicas, VALIDATORS_MAX) }, () => GENESIS_WEIGHT);
  const chain = createChain(weights);
  const nodes = createNodes({
    behaviour,
    chain,
    // Volumes are lost with their hosts alone: each one's key follows from its name.
    volumes: {
      ...{ place: () => ({ refusal: "" }), keyOf: voteKeyOf, damage: () => {}, isDamaged: () => false },
      isGone: (pod) => isGone(pod as unknown as Item),
    },
    isRead: (pod) => {
      const now = decodeCluster(caches.get("HmnCluster", clusterKey) ?? cluster);
      const status = now.ok ? now.value.status : {};
      return incarnationOn(pod.metadata.labels) === incarnationOf(status, validatorOf(pod));
    },
    network: spec.network,
    // Nothing is restored here.
    restores: { isDone: () => true, heldBy: () => undefined },
    pods: () => [...pods.values()],
    genesis: () => find<Thing>("ConfigMap", genesisName(name)),
    told: (pod) => {
      const files = filesOf(pod);
      if (files === undefined) return undefined;
      return { caBundleHash: sha256(files.ca), certificateHash: sha256(files.certificate) };
    },
  });

  const bringIn = (): void => {
    const present = caches
      .ofCluster("Pod", clusterKey)
      .filter((item) => (item as Item & V1Pod).spec?.nodeName && memberOn(item.metadata.labels) !== undefined);
    const uids = new Set(present.map((pod) => pod.metadata.uid));
    for (const uid of [...pods.keys()]) if (!uids.has(uid)) pods.delete(uid);
    for (const item of present) {
      const known = pods.get(item.metadata.uid);
      const { labels = {}, annotations = {} } = item.metadata;
      const metadata = { ...structuredClone(item.metadata), labels, annotations } as Thing["metadata"];
      if (known !== undefined) known.metadata = metadata;
      else pods.set(item.metadata.uid, playedPod(item, metadata));
    }
  };
  /** By the real time that has passed, however late it is asked: what a node counts goes on while this process is slow. */
  const countersOf = (pod: Pick<Item, "metadata">, nowMs: number): Counters | undefined => {
    const { uid } = pod.metadata;
    const sample = nodes.samples().findLast(({ podUid }) => podUid === uid);
    if (sample === undefined) return undefined;
    const restarts = restartsOf(pods.get(uid));
    const before = counters.get(uid);
    const from = before?.restarts === restarts ? before.counters : noCounters(sample.from);
    const known = counted(from, sample, nowMs);
    counters.set(uid, { restarts, counters: known });
    return known;
  };

  return {
    nodes,
    filesOf,
    tick: (nowMs) => {
      bringIn();
      nodes.tick(millis(nowMs));
      return [...pods.values()].flatMap((pod) => {
        const status = pod.status as object;
        const text = JSON.stringify(status);
        if (told.get(pod.metadata.uid) === text) return [];
        told.set(pod.metadata.uid, text);
        return [{ pod, status }];
      });
    },
    answersOf: (pod) => {
      const reading = nodes.readings().get(validatorOf(pod));
      const known = countersOf(pod, Date.now());
      if (reading?.podUid !== pod.metadata.uid || !("status" in reading) || known === undefined) return undefined;
      return { status: reading.status, counters: known, take: (batch) => takeBatch(chain, batch) };
    },
  };
}

const voteKeyOf = ({ metadata: { labels } }: Thing): string =>
  publicKeyOf((memberOn(labels) ?? 0) + VALIDATORS_MAX * incarnationOn(labels));

/** Scheduled already; everything else is still to come. */
const playedPod = (item: Item, metadata: Thing["metadata"]): Thing => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata,
  spec: structuredClone((item as Item & V1Pod).spec),
  status: { phase: "Pending", conditions: [] },
});

const restartsOf = (pod: Thing | undefined): number =>
  (pod?.status as { containerStatuses?: { restartCount: number }[] } | undefined)?.containerStatuses?.[0]
    ?.restartCount ?? 0;

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
