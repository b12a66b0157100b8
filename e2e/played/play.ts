import type { V1PersistentVolumeClaim } from "@kubernetes/client-node";
import { watchAll } from "../../operator/observe/caches.ts";
import { resources } from "../../operator/observe/resources.ts";
import type { Behaviour } from "../../operator/reconcile/world-nodes.ts";
import type { Thing } from "../../operator/reconcile/world-store.ts";
import { isStatus } from "../../operator/runtime/api-error.ts";
import { createClient } from "../../operator/runtime/client.ts";
import { connectByKubeconfig } from "../../operator/runtime/connection.ts";
import { createLogger } from "../../operator/runtime/log.ts";
import { createMetrics } from "../../operator/runtime/metrics.ts";
import { type Item, itemKey, type Resource } from "../../operator/runtime/resource.ts";
import { createVerbs } from "../../operator/runtime/verbs.ts";
import { createPlayedNetwork, type PlayedNetwork } from "./played-network.ts";
import { type NodeFiles, type Responder, startResponder } from "./responder.ts";

/** The validators of every HmnCluster of an API server, played in this process. */
export type Play = {
  readonly networkOf: (clusterKey: string) => PlayedNetwork | undefined;
  readonly stop: () => Promise<void>;
};

const SECOND_MS = 1_000;
/** A stopping pod is gone after this. */
const STOP_MS = 1_000;
const volumes: Resource = {
  apiVersion: "v1",
  kind: "PersistentVolume",
  plural: "persistentvolumes",
  namespaced: false,
};

/**
 * Kubelet, volume provisioner and nodes in one. Pods get addresses of loopback's own network (127.0.0.0/8, RFC 1122), where a
 * responder speaks for each: any operator on this machine can read them.
 */
export async function playNodes(kubeconfig: string, behaviour: (version: string) => Behaviour): Promise<Play> {
  const metrics = createMetrics();
  const client = createClient(await connectByKubeconfig(kubeconfig), metrics, "hmn-played-nodes");
  const verbs = createVerbs(client, "hmn-played-nodes");
  const log = createLogger("error");
  const caches = watchAll({ client, verbs, metrics, log, namespaces: [], onChange: () => {} });
  await caches.synced;
  const networks = new Map<string, PlayedNetwork>();
  const responders = new Map<string, { readonly responder: Responder; files: NodeFiles }>();
  const addresses = addressPool();
  const ips = new Map<string, string>();
  const stopping = new Set<string>();
  const provisioned = new Set<string>();

  const provision = async (claim: Item): Promise<void> => {
    const { name, namespace, uid } = claim.metadata;
    if (provisioned.has(uid)) return;
    provisioned.add(uid);
    const { spec } = claim as Item & V1PersistentVolumeClaim;
    const body = {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: `played-${uid}` },
      spec: {
        capacity: spec?.resources?.requests,
        accessModes: spec?.accessModes,
        ...(spec?.storageClassName === undefined ? {} : { storageClassName: spec.storageClassName }),
        persistentVolumeReclaimPolicy: "Retain",
        hostPath: { path: `/played/${uid}` },
        claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", name, namespace, uid },
      },
    };
    await verbs.create({ resource: volumes }, body);
  };
  const place = ({ metadata: { name, namespace } }: { readonly metadata: Item["metadata"] }) => ({
    ...{ resource: resources.Pod, name, namespace },
  });
  const tell = async (pod: Thing, status: object): Promise<void> => {
    const podIP = ipOf(pod.metadata.uid);
    const { uid } = pod.metadata;
    const body = { metadata: { uid }, status: { ...status, podIP, podIPs: [{ ip: podIP }] } };
    await verbs.mergePatch({ ...place(pod as unknown as Item), subresource: "status" }, body);
  };
  const ipOf = (uid: string): string => {
    const known = ips.get(uid) ?? addresses();
    ips.set(uid, known);
    return known;
  };
  const end = (pod: Item): void => {
    const { uid } = pod.metadata;
    if (stopping.has(uid)) return;
    stopping.add(uid);
    responders.get(uid)?.responder.close();
    responders.delete(uid);
    setTimeout(() => expected(verbs.delete(place(pod), uid, 0)), STOP_MS);
  };
  const speak = async (network: PlayedNetwork, pod: Item): Promise<void> => {
    const { uid } = pod.metadata;
    const files = network.filesOf(pod);
    if (files === undefined || network.answersOf(pod) === undefined) return;
    const known = responders.get(uid);
    if (known === undefined) {
      const responder = await startResponder(ipOf(uid), files, () => network.answersOf(pod));
      responders.set(uid, { responder, files });
    } else if (JSON.stringify(known.files) !== JSON.stringify(files)) {
      known.responder.renew(files);
      known.files = files;
    }
  };

  const second = async (): Promise<void> => {
    const nowMs = Date.now();
    for (const claim of caches.items("PersistentVolumeClaim")) await expected(provision(claim));
    for (const cluster of caches.items("HmnCluster")) {
      const key = itemKey(cluster);
      const network = networks.get(key) ?? createPlayedNetwork(caches, cluster, behaviour);
      if (network === undefined) continue;
      networks.set(key, network);
      const news = network.tick(nowMs).filter(({ pod }) => pod.metadata.deletionTimestamp === undefined);
      await Promise.all(news.map(({ pod, status }) => expected(tell(pod, status))));
      for (const pod of caches.ofCluster("Pod", key)) {
        if (pod.metadata.deletionTimestamp !== undefined) end(pod);
        else await speak(network, pod);
      }
    }
  };
  let stopped = false;
  const run = async (): Promise<void> => {
    while (!stopped) {
      const began = Date.now();
      await second();
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, began + SECOND_MS - Date.now())));
    }
  };
  const running = run();
  return {
    networkOf: (key) => networks.get(key),
    stop: async () => {
      stopped = true;
      await running;
      for (const { responder } of responders.values()) responder.close();
      await caches.stop();
    },
  };
}

/** What went or changed meanwhile is seen with the next look. */
async function expected(writing: Promise<unknown>): Promise<void> {
  try {
    await writing;
  } catch (error) {
    if (!isStatus(error, 404) && !isStatus(error, 409)) throw error;
  }
}

/** 127.x.0.0/16, x by chance, so that several plays on one machine are unlikely to meet; none is given twice. */
function addressPool(): () => string {
  const second = 1 + Math.floor(Math.random() * 254);
  let last = 0;
  return () => {
    last += 1;
    return `127.${second}.${Math.floor(last / 250)}.${1 + (last % 250)}`;
  };
}
