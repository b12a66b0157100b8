import type { V1PersistentVolumeClaim } from "@kubernetes/client-node";
import { resources } from "../../operator/observe/resources.ts";
import type { Item, Resource } from "../../operator/runtime/resource.ts";
import type { Verbs } from "../../operator/runtime/verbs.ts";

const volumes: Resource = {
  apiVersion: "v1",
  kind: "PersistentVolume",
  plural: "persistentvolumes",
  namespaced: false,
};

/** One whose volumes can grow; claims without a class get a volume as well. */
export const storageClass = {
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: { name: "hmn-played" },
  provisioner: "hmn.dev/played",
  allowVolumeExpansion: true,
} as const;

/** Volume provisioner and resizer: a new claim gets a volume, and one that asks for more has it at once. */
export function playVolumes(verbs: Verbs): { readonly serve: (claim: Item) => Promise<void> } {
  const provisioned = new Set<string>();
  const provision = async ({ metadata: { uid, name, namespace }, spec }: Claim): Promise<void> => {
    if (provisioned.has(uid)) return;
    provisioned.add(uid);
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
  return {
    serve: async (item) => {
      const claim = item as Claim;
      await provision(claim);
      const { phase, capacity } = claim.status ?? {};
      const asked = claim.spec?.resources?.requests;
      if (phase !== "Bound" || capacity?.storage === asked?.storage) return;
      const place = { resource: resources.PersistentVolumeClaim, ...nameOf(claim), subresource: "status" };
      await verbs.mergePatch(place, { status: { capacity: asked } });
    },
  };
}

type Claim = Item & Pick<V1PersistentVolumeClaim, "spec" | "status">;
const nameOf = ({ metadata: { name, namespace } }: Claim) => ({ name, namespace });
