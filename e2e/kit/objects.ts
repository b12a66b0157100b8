import { z } from "zod";
import { clusterStatusSchema } from "../../operator/api/cluster.ts";
import type { conditionSchema } from "../../operator/api/conditions.ts";
import { LABELS } from "../../operator/api/group.ts";
import { rolloutSpecSchema, rolloutStatusSchema } from "../../operator/api/rollout.ts";

/** The parts of Kubernetes' objects that scenarios look at, parsed: an object of another form is a failure that says so. */
const metadataSchema = z.object({
  name: z.string(),
  namespace: z.string().default(""),
  uid: z.string(),
  generation: z.number().default(0),
  creationTimestamp: z.string().default(""),
  deletionTimestamp: z.string().optional(),
  labels: z.record(z.string(), z.string()).default({}),
  annotations: z.record(z.string(), z.string()).default({}),
});

const stateSchema = z
  .object({
    waiting: z.object({ reason: z.string().default(""), message: z.string().default("") }).optional(),
    terminated: z.object({ exitCode: z.number(), reason: z.string().default("") }).optional(),
  })
  .default({});

const podSchema = z
  .object({
    metadata: metadataSchema,
    spec: z.object({
      nodeName: z.string().default(""),
      containers: z.array(z.object({ image: z.string().default("") })).min(1),
    }),
    status: z
      .object({
        phase: z.string().default("Unknown"),
        podIP: z.string().default(""),
        conditions: z
          .array(z.object({ type: z.string(), status: z.string(), message: z.string().default("") }))
          .default([]),
        containerStatuses: z
          .array(z.object({ restartCount: z.number().default(0), imageID: z.string().default(""), state: stateSchema }))
          .default([]),
      })
      .prefault({}),
  })
  .transform(({ metadata, spec, status }) => {
    const condition = (type: string) => status.conditions.find((one) => one.type === type);
    const container = status.containerStatuses[0];
    return {
      name: metadata.name,
      uid: metadata.uid,
      labels: metadata.labels,
      /** Validator id, or -1 for a pod that is none. */
      validator: Number(metadata.labels[LABELS.validator] ?? -1),
      revision: metadata.labels[LABELS.revision] ?? "",
      host: spec.nodeName,
      image: spec.containers[0]?.image ?? "",
      phase: status.phase,
      address: status.podIP,
      deleting: metadata.deletionTimestamp !== undefined,
      ready: condition("Ready")?.status === "True" && metadata.deletionTimestamp === undefined,
      restarts: container?.restartCount ?? 0,
      /** Why its container waits, e.g. `ImagePullBackOff`, or why it has no host. */
      waiting:
        container?.state.waiting?.reason ?? (condition("PodScheduled")?.status === "False" ? "Unschedulable" : ""),
    };
  });

const clusterSchema = z.object({
  metadata: metadataSchema,
  spec: z.object({
    version: z.string(),
    image: z.object({ reference: z.string() }),
    network: z.string(),
    environment: z.array(z.object({ name: z.string(), value: z.string() })).default([]),
    validators: z.object({ replicas: z.number() }),
  }),
  status: clusterStatusSchema.prefault({}),
});

const rolloutSchema = z.object({
  metadata: metadataSchema,
  spec: rolloutSpecSchema,
  status: rolloutStatusSchema.prefault({}),
});

const leaseSchema = z.object({ spec: z.object({ holderIdentity: z.string().default("") }) });

export type Pod = z.output<typeof podSchema>;
export type HmnCluster = z.output<typeof clusterSchema>;
export type HmnRollout = z.output<typeof rolloutSchema>;

const list = <S extends z.ZodType>(item: S) => z.object({ items: z.array(item).default([]) });
const names = z.object({ metadata: metadataSchema });

export const parsePods = (value: unknown): Pod[] => list(podSchema).parse(value).items;
export const parseCluster = (value: unknown): HmnCluster => clusterSchema.parse(value);
export const parseRollouts = (value: unknown): HmnRollout[] =>
  list(rolloutSchema)
    .parse(value)
    .items.toSorted((a, b) => a.spec.number - b.spec.number);
export const parseHolder = (value: unknown): string => leaseSchema.parse(value).spec.holderIdentity;
export const parseNames = (value: unknown): z.output<typeof metadataSchema>[] =>
  list(names)
    .parse(value)
    .items.map((item) => item.metadata);

export type ConditionView = z.output<typeof conditionSchema>;
export const conditionOf = (cluster: HmnCluster, type: string): ConditionView | undefined =>
  cluster.status.conditions?.find((one) => one.type === type);
export const isTrue = (cluster: HmnCluster, type: string): boolean => conditionOf(cluster, type)?.status === "True";
