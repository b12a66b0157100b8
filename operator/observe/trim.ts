import type { V1Container, V1ControllerRevision, V1Node, V1Pod } from "@kubernetes/client-node";
import { FIELD_MANAGER, LABELS } from "../api/group.ts";
import type { Item } from "../runtime/resource.ts";
import type { KindName } from "./resources.ts";

/** What is kept of an object: without what nobody here reads, which is most of what thousands of them would take in memory. */
export function trim(kind: KindName, item: Item): Item {
  // Who wrote these last, and when, decides whether approvals count.
  if (kind === "ValidatingAdmissionPolicy" || kind === "ValidatingAdmissionPolicyBinding") return item;
  const metadata: Item["metadata"] & { managedFields?: unknown } = { ...item.metadata };
  if (contestable.includes(kind)) metadata.managedFields = writers(metadata.managedFields);
  else Reflect.deleteProperty(metadata, "managedFields");
  return { ...item, ...parts[kind]?.(item), metadata };
}

/** Kinds whose objects are put back when somebody else changes them. */
const contestable: readonly KindName[] = [
  "StatefulSet",
  "Service",
  "ConfigMap",
  "ServiceAccount",
  "PodDisruptionBudget",
  "NetworkPolicy",
];

/** Who wrote an object and when, without the fields, which make up most of it. */
const writers = (entries: unknown): unknown =>
  Array.isArray(entries)
    ? entries.map(({ manager, time, subresource }: Record<string, unknown>) => ({ manager, time, subresource }))
    : [];

/** Fields that are kept in part. */
const parts: Readonly<Partial<Record<KindName, (item: Item) => object>>> = {
  Node: (item: Item & Pick<V1Node, "status">) => ({ status: { ...item.status, images: undefined } }),
  // What its template says is known from the StatefulSet.
  Pod: ({ spec }: Item & Pick<V1Pod, "spec">) =>
    spec === undefined
      ? {}
      : {
          spec: {
            nodeName: spec.nodeName,
            containers: spec.containers.map(withoutTemplate),
            initContainers: spec.initContainers?.map(withoutTemplate),
          },
        },
  // Those of StatefulSets hold their whole template; ours are the releases.
  ControllerRevision: ({ metadata, data }: Item & Pick<V1ControllerRevision, "data">) =>
    metadata.labels?.[LABELS.managedBy] === FIELD_MANAGER ? { data } : { data: undefined },
};

const withoutTemplate = ({ name, image, imagePullPolicy, resources }: V1Container): object => ({
  ...{ name, image, imagePullPolicy, resources },
});
