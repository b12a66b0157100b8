import type { z } from "zod";
import { accept, type Result, refuse } from "../../node/base/result.ts";
import { approvalSpecSchema, approvalStatusSchema } from "../api/approval.ts";
import {
  backupScheduleSpecSchema,
  backupScheduleStatusSchema,
  backupSpecSchema,
  backupStatusSchema,
} from "../api/backup.ts";
import { clusterSpecSchema, clusterStatusSchema } from "../api/cluster.ts";
import { rolloutSpecSchema, rolloutStatusSchema } from "../api/rollout.ts";
import type { Item } from "../runtime/resource.ts";
import type {
  ApprovalObject,
  BackupObject,
  BackupScheduleObject,
  ClusterObject,
  Metadata,
  RolloutObject,
} from "./snapshot.ts";

export function metadataOf({ metadata }: Item): Metadata {
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? "",
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    generation: metadata.generation ?? 0,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    creationTimestamp: metadata.creationTimestamp ?? "",
    deleting: metadata.deletionTimestamp !== undefined,
  };
}

type Decoded<Spec, Status> = { readonly metadata: Metadata; readonly spec: Spec; readonly status: Status };

/** Parses each object once: the caches hand out the same one until it changes. */
function decoder<Spec, Status>(kind: string, specSchema: z.ZodType<Spec>, statusSchema: z.ZodType<Status>) {
  const known = new WeakMap<Item, Result<Decoded<Spec, Status>, "does-not-fit">>();
  const decode = (item: Item): Result<Decoded<Spec, Status>, "does-not-fit"> => {
    const parts: Item & { readonly spec?: unknown; readonly status?: unknown } = item;
    const spec = specSchema.safeParse(parts.spec);
    if (!spec.success) return misfit(kind, "spec", item, spec.error);
    const status = statusSchema.safeParse(parts.status ?? {});
    if (!status.success) return misfit(kind, "status", item, status.error);
    return accept({ metadata: metadataOf(item), spec: spec.data, status: status.data });
  };
  return (item: Item): Result<Decoded<Spec, Status>, "does-not-fit"> => {
    const result = known.get(item) ?? decode(item);
    known.set(item, result);
    return result;
  };
}

function misfit(kind: string, part: string, item: Item, error: z.ZodError) {
  const [issue] = error.issues;
  const where = [part, ...(issue?.path ?? [])].join(".");
  return refuse(
    "does-not-fit" as const,
    `${kind} ${item.metadata.name}: ${where}: ${issue?.message ?? "invalid"}; are the CRDs those of this operator's version?`,
  );
}

export const decodeCluster: (item: Item) => Result<ClusterObject, "does-not-fit"> = decoder(
  "HmnCluster",
  clusterSpecSchema,
  clusterStatusSchema,
);
export const decodeRollout: (item: Item) => Result<RolloutObject, "does-not-fit"> = decoder(
  "HmnRollout",
  rolloutSpecSchema,
  rolloutStatusSchema,
);
export const decodeApproval: (item: Item) => Result<ApprovalObject, "does-not-fit"> = decoder(
  "HmnApproval",
  approvalSpecSchema,
  approvalStatusSchema,
);
export const decodeBackup: (item: Item) => Result<BackupObject, "does-not-fit"> = decoder(
  "HmnBackup",
  backupSpecSchema,
  backupStatusSchema,
);
export const decodeBackupSchedule: (item: Item) => Result<BackupScheduleObject, "does-not-fit"> = decoder(
  "HmnBackupSchedule",
  backupScheduleSpecSchema,
  backupScheduleStatusSchema,
);
