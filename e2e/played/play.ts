import type { V1Pod } from "@kubernetes/client-node";
import { BACKUP_SUFFIX, LABELS } from "../../operator/api/group.ts";
import { watchAll } from "../../operator/observe/caches.ts";
import { resources } from "../../operator/observe/resources.ts";
import { endedStatus } from "../../operator/reconcile/world-jobs.ts";
import type { Behaviour } from "../../operator/reconcile/world-nodes.ts";
import type { Thing } from "../../operator/reconcile/world-store.ts";
import { isStatus } from "../../operator/runtime/api-error.ts";
import { createClient } from "../../operator/runtime/client.ts";
import { connectByKubeconfig } from "../../operator/runtime/connection.ts";
import { createLogger } from "../../operator/runtime/log.ts";
import { createMetrics } from "../../operator/runtime/metrics.ts";
import { type Item, itemKey } from "../../operator/runtime/resource.ts";
import { createVerbs } from "../../operator/runtime/verbs.ts";
import { createPlayedNetwork, type PlayedNetwork } from "./played-network.ts";
import { playVolumes } from "./played-volumes.ts";
import { type NodeFiles, type Responder, startResponder } from "./responder.ts";

/** The validators of every HmnCluster of an API server, played in this process. */
export type Play = {
  readonly networkOf: (clusterKey: string) => PlayedNetwork | undefined;
  /** From now on nobody speaks for the host and its pods, nor ends them. */
  readonly loseHost: (name: string) => Promise<void>;
  readonly stop: () => Promise<void>;
};

const SECOND_MS = 1_000;
/** A stopping pod is gone after this. */
const STOP_MS = 1_000;

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
  const gone = new Set<string>();
  let stopped = false;
  const isGone = (pod: Item): boolean => gone.has((pod as Item & V1Pod).spec?.nodeName ?? "");
  const storage = playVolumes(verbs);

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
  const hush = ({ metadata: { uid } }: Item): void => {
    responders.get(uid)?.responder.close();
    responders.delete(uid);
  };
  /** As if it had run: nothing was copied. */
  const endBackup = async (pod: Item): Promise<void> => {
    const { nodeName } = (pod as Item & V1Pod).spec ?? {};
    if (nodeName === undefined || (pod as Item & V1Pod).status?.phase !== "Pending") return;
    const said = { height: 100, timeNs: `${BigInt(Date.now()) * 1_000_000n}` };
    await verbs.mergePatch({ ...place(pod), subresource: "status" }, { status: endedStatus(said) });
  };
  const end = (pod: Item): void => {
    const { uid } = pod.metadata;
    if (stopping.has(uid)) return;
    stopping.add(uid);
    hush(pod);
    setTimeout(() => {
      // With the play the API server goes.
      if (!stopped) void expected(verbs.delete(place(pod), uid, 0));
    }, STOP_MS);
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
    for (const claim of caches.items("PersistentVolumeClaim")) await expected(storage.serve(claim));
    for (const pod of caches.items("Pod")) if (isBackup(pod)) await expected(endBackup(pod));
    for (const cluster of caches.items("HmnCluster")) {
      const key = itemKey(cluster);
      const network = networks.get(key) ?? createPlayedNetwork(caches, cluster, { behaviour, isGone });
      if (network === undefined) continue;
      networks.set(key, network);
      const news = network.tick(nowMs).filter(({ pod }) => pod.metadata.deletionTimestamp === undefined);
      await Promise.all(news.map(({ pod, status }) => expected(tell(pod, status))));
      for (const pod of caches.ofCluster("Pod", key)) {
        if (isGone(pod)) hush(pod);
        else if (pod.metadata.deletionTimestamp !== undefined) end(pod);
        else await speak(network, pod);
      }
    }
  };
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
    loseHost: async (name) => {
      gone.add(name);
      const host = { resource: resources.Node, name };
      await verbs.mergePatch(host, { metadata: { labels: { "hmn.dev/gone": "true" } } });
      const conditions = [{ type: "Ready", status: "False", reason: "Gone", message: "played" }];
      await verbs.mergePatch({ ...host, subresource: "status" }, { status: { conditions } });
    },
    stop: async () => {
      stopped = true;
      await running;
      for (const { responder } of responders.values()) responder.close();
      await caches.stop();
    },
  };
}

const isBackup = ({ metadata: { labels = {} } }: Item): boolean =>
  labels[LABELS.cluster]?.endsWith(BACKUP_SUFFIX) ?? false;

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
