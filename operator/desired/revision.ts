import type { V1ControllerRevision } from "@kubernetes/client-node";
import { createMemory } from "../../node/base/memory.ts";
import { FIELD_MANAGER, LABELS } from "../api/group.ts";
import type { ClusterObject } from "../observe/snapshot.ts";
import type { KubeObject } from "../reconcile/actions.ts";
import { type Inputs, revisionOf } from "./inputs.ts";
import { ownedMetadata } from "./metadata.ts";
import { revisionName } from "./names.ts";
import { renderTemplate, type StoredTemplate } from "./template.ts";

/**
 * A release as it was first rendered. It is kept and reused until the user's inputs change, so that a newer operator, which
 * may render differently, restarts no node.
 */
export type StoredRevision = {
  readonly revision: string;
  readonly inputs: Inputs;
  readonly template: StoredTemplate;
};

export function revisionObject(cluster: ClusterObject, inputs: Inputs): KubeObject {
  const revision = revisionOf(inputs);
  const name = cluster.metadata.name;
  return {
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    metadata: ownedMetadata(cluster, revisionName(name, revision), { [LABELS.revision]: revision }),
    // Required by the kind; our revisions have no order among themselves.
    revision: cluster.metadata.generation,
    data: { inputs, template: renderTemplate(name, revision, inputs) },
  };
}

/** StatefulSets keep ControllerRevisions of their own under the pods' labels; only ours carry the manager's. */
export const isOurs = (object: V1ControllerRevision): boolean =>
  object.metadata?.labels?.[LABELS.managedBy] === FIELD_MANAGER;

type Stored = ReadonlyMap<string, StoredRevision>;
export const storedRevisions = (objects: readonly V1ControllerRevision[]): Stored =>
  known(objects, "", [], () => readRevisions(objects));
const known = createMemory<Stored>();

function readRevisions(objects: readonly V1ControllerRevision[]): Stored {
  const found = new Map<string, StoredRevision>();
  for (const object of objects) {
    const revision = object.metadata?.labels?.[LABELS.revision];
    if (!isOurs(object) || revision === undefined) continue;
    const data = object.data as Omit<StoredRevision, "revision">;
    found.set(revision, { revision, inputs: data.inputs, template: data.template });
  }
  return found;
}
