import type { V1Node } from "@kubernetes/client-node";
import { isObserver } from "../../node/api/contract.ts";
import { claimName, memberOn } from "../desired/names.ts";
import { publicKeyOf } from "./world-chain.ts";
import type { createStore, Thing } from "./world-store.ts";

/** Hosts and the local volumes on them: a claim is bound to the first host that its pod gets, and each volume holds a key. */
export type ModelVolumes = {
  /** Makes the claim of a new pod, if there is none. */
  provide(pod: Thing, resources: object): void;
  /** Takes a larger size, or refuses it where the storage cannot grow. */
  grow(asked: { readonly name: string; readonly resourceVersion: string; readonly size: string }): boolean;
  /** Why the last claim was refused. */
  fault(): string;
  /** Whether the storage can grow. */
  expands: boolean;
  /** One second: volumes come to be as large as their claims ask. */
  tick(): void;
  /** The host that takes a pod, or what the scheduler says. */
  place(pod: Thing): { readonly host: string } | { readonly refusal: string };
  keyOf(pod: Thing): string;
  hosts(): readonly V1Node[];
  /** Hosts that are gone, with all that is on them. */
  lostHosts: Set<string>;
  isGone(pod: Thing): boolean;
  /** The volume behind a claim is gone for good. */
  lose(claim: string): void;
  /** The volume is there, and nothing on it: its node makes a new key. */
  empty(claim: string): void;
  /** The claim goes, and its volume with it. */
  drop(claim: string): void;
  /** What is on the volume is such that every node refuses it. */
  damage(claim: string): void;
  isDamaged(pod: Thing): boolean;
};

type ClaimSpec = { resources: { requests?: { storage: string } } };
type Volume = { key: string; host: string | undefined; damaged?: boolean };
/** Of the scheduler. */
const HOST_TAKEN = "0/5 nodes are available: 5 node(s) didn't match pod anti-affinity rules.";
/** Hosts beside one for each validator. */
export const SPARE_HOSTS = 2;
const SPARES = Array.from({ length: SPARE_HOSTS }, (_, index) => `spare-${index}`);

export function createVolumes(
  { find, objects, put, touch, remove }: ReturnType<typeof createStore>,
  ids: () => readonly number[],
): ModelVolumes {
  const volumes = new Map<string, Volume>();
  const lostHosts = new Set<string>();
  let keys = 0;
  const newKey = (): string => {
    keys += 1;
    return `f${String(keys).padStart(63, "0")}`;
  };
  const claimOf = (pod: Thing): string => claimName(pod.metadata.name.slice(0, -2));
  const idOf = (pod: Thing): number => memberOn(pod.metadata.labels) ?? Number.NaN;
  const hostOf = (pod: Thing): string | undefined => (pod.spec as { nodeName?: string }).nodeName;
  const isFree = (host: string): boolean => !lostHosts.has(host) && !objects("Pod").some((pod) => hostOf(pod) === host);

  /** Observers share hosts, and find what they need wherever they come up. */
  const besideOthers = (): { readonly host: string } | { readonly refusal: string } => {
    const host = [...ids().map((id) => `host-${id}`), ...SPARES].find((name) => !lostHosts.has(name));
    return host === undefined ? { refusal: HOST_TAKEN } : { host };
  };

  let fault = "";
  const model: ModelVolumes = {
    lostHosts,
    expands: true,
    fault: () => fault,
    grow: ({ name, resourceVersion, size }) => {
      const claim = find("PersistentVolumeClaim", name);
      if (claim === undefined || claim.metadata.resourceVersion !== resourceVersion) return false;
      fault = model.expands ? "" : "only dynamically provisioned pvc can be resized";
      if (!model.expands) return true;
      (claim.spec as ClaimSpec).resources = { requests: { storage: size } };
      touch(claim);
      return true;
    },
    tick: () => {
      for (const claim of objects("PersistentVolumeClaim")) {
        const status = claim.status as { phase: string; capacity?: object };
        const { requests } = (claim.spec as ClaimSpec).resources;
        if (JSON.stringify(status.capacity) === JSON.stringify(requests)) continue;
        claim.status = { ...status, capacity: { ...requests } };
        touch(claim);
      }
    },
    provide: (pod, resources) => {
      const name = claimOf(pod);
      if (find("PersistentVolumeClaim", name) !== undefined) return;
      const { labels } = pod.metadata;
      put({
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        metadata: { name, labels },
        spec: { resources: structuredClone(resources) },
        status: { phase: "Bound" },
      });
      const isFirst =
        !isObserver(idOf(pod)) && ![...volumes.keys()].some((other) => other.startsWith(`data-payments-${idOf(pod)}-`));
      volumes.set(name, { key: isFirst ? publicKeyOf(idOf(pod)) : newKey(), host: undefined });
    },
    place: (pod) => {
      if (isObserver(idOf(pod))) return besideOthers();
      const claim = find("PersistentVolumeClaim", claimOf(pod));
      const volume = volumes.get(claimOf(pod));
      if (claim === undefined || volume === undefined) return { refusal: 'persistentvolumeclaim "data" not found' };
      if ((claim.status as { phase: string }).phase === "Lost")
        return {
          refusal: `persistentvolumeclaim "${claim.metadata.name}" bound to non-existent persistentvolume "pv"`,
        };
      if (volume.host !== undefined)
        return lostHosts.has(volume.host)
          ? { refusal: "0/4 nodes are available: 4 node(s) didn't match PersistentVolume's node affinity." }
          : { host: volume.host };
      const host = [`host-${idOf(pod)}`, ...SPARES].find(isFree);
      if (host === undefined) return { refusal: HOST_TAKEN };
      volume.host = host;
      claim.metadata.annotations["volume.kubernetes.io/selected-node"] = host;
      touch(claim);
      return { host };
    },
    keyOf: (pod) => volumes.get(claimOf(pod))?.key ?? "0".repeat(64),
    hosts: () =>
      [...ids().map((id) => `host-${id}`), ...SPARES]
        .filter((name) => !lostHosts.has(name))
        .map((name, index) => ({
          metadata: { name, labels: { "topology.kubernetes.io/zone": `z${name.replace(/^host-/, "")}` } },
          status: { addresses: [{ type: "InternalIP", address: `10.0.0.${index + 1}` }] },
        })),
    isGone: (pod) => lostHosts.has(hostOf(pod) ?? ""),
    lose: (name) => {
      const claim = find("PersistentVolumeClaim", name);
      if (claim === undefined) return;
      claim.status = { ...(claim.status as object), phase: "Lost" };
      touch(claim);
    },
    empty: (name) => {
      const volume = volumes.get(name);
      if (volume !== undefined) volumes.set(name, { key: newKey(), host: volume.host });
    },
    drop: (name) => {
      volumes.delete(name);
      remove("PersistentVolumeClaim", name);
    },
    damage: (name) => {
      const volume = volumes.get(name);
      if (volume !== undefined) volume.damaged = true;
    },
    isDamaged: (pod) => volumes.get(claimOf(pod))?.damaged === true,
  };
  return model;
}
