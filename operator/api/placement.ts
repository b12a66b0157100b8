import { z } from "zod";
import { atomicList, cel } from "./fields.ts";
import { labelKeyField, labelsField, labelValue } from "./label-map.ts";

const weight = z.int().min(1).max(100).describe("Weight among the preferences that a host fulfils.");
const topologyKey = labelKeyField("Label of hosts whose value makes up one place, e.g. topology.kubernetes.io/zone.");

const needsValues = "(self.operator in ['In', 'NotIn']) == (size(self.values) > 0)";

/** Selects hosts by a label. */
const hostExpression = z
  .object({
    key: labelKeyField("Label of the hosts."),
    operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]).describe("How value and label compare."),
    values: z.array(labelValue).max(16).default([]).describe("Values to compare with.").meta(atomicList),
  })
  .meta(
    cel({
      rule: `self.operator in ['Gt', 'Lt'] ? size(self.values) == 1 && self.values[0].matches('^[0-9]+$') : ${needsValues}`,
      message:
        "values must be given for In and NotIn, one whole number for Gt and Lt, and none for the other operators",
    }),
  );

/** Selects pods by a label. */
const podExpression = z
  .object({
    key: labelKeyField("Label of the pods."),
    operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]).describe("How value and label compare."),
    values: z.array(labelValue).max(16).default([]).describe("Values to compare with.").meta(atomicList),
  })
  .meta(
    cel({ rule: needsValues, message: "values must be given for In and NotIn, and none for Exists and DoesNotExist" }),
  );

const hostExpressions = z
  .array(hostExpression)
  .min(1)
  .max(8)
  .describe("All of these must hold for a host.")
  .meta(atomicList);
const podExpressions = z
  .array(podExpression)
  .min(1)
  .max(8)
  .describe("Pods of the same namespace for which all of these hold.")
  .meta(atomicList);

const nodeAffinitySchema = z.object({
  required: z
    .array(z.object({ matchExpressions: hostExpressions }))
    .max(8)
    .default([])
    .describe("A host must fulfil one of these.")
    .meta(atomicList),
  preferred: z
    .array(z.object({ weight, matchExpressions: hostExpressions }))
    .max(8)
    .default([])
    .describe("Hosts that fulfil more of these are taken first.")
    .meta(atomicList),
});

const podAntiAffinitySchema = z.object({
  required: z
    .array(z.object({ topologyKey, matchExpressions: podExpressions }))
    .max(8)
    .default([])
    .describe("No place may hold such a pod already.")
    .meta(atomicList),
  preferred: z
    .array(z.object({ weight, topologyKey, matchExpressions: podExpressions }))
    .max(8)
    .default([])
    .describe("Places without such pods are taken first.")
    .meta(atomicList),
});

const tolerationSchema = z
  .object({
    key: labelKeyField("Key of the taint; absent with Exists: every taint.").optional(),
    operator: z.enum(["Equal", "Exists"]).default("Equal").describe("How value and taint compare."),
    value: labelValue.optional().describe("Value of the taint, for Equal."),
    effect: z
      .enum(["NoSchedule", "PreferNoSchedule", "NoExecute"])
      .optional()
      .describe("Effect of the taint; every effect if absent."),
    tolerationSeconds: z
      .int()
      .min(0)
      .max(86_400)
      .optional()
      .describe("For NoExecute: how long a pod stays on a host that gets the taint; for good if absent."),
  })
  .meta(
    cel(
      {
        rule: "self.operator == 'Exists' ? !has(self.value) : has(self.key)",
        message: "a toleration must have a key with Equal, and no value with Exists",
      },
      {
        rule: "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
        message: "tolerationSeconds belongs to the effect NoExecute: remove it or set effect",
      },
    ),
  );

/** Where pods run. What was added after `nodeSelector` is optional, so that its absence changes no release. */
export const placementSchema = z.object({
  allowSharedHosts: z
    .boolean()
    .default(false)
    .describe("Lets two validators share a host. A host's loss may then cost the quorum."),
  nodeSelector: labelsField("Labels that a host must have."),
  nodeAffinity: nodeAffinitySchema.optional().describe("Further demands on hosts."),
  podAntiAffinity: podAntiAffinitySchema
    .optional()
    .describe("Pods to keep away from, beside the one validator per host that allowSharedHosts speaks of."),
  tolerations: z
    .array(tolerationSchema)
    .max(16)
    .optional()
    .describe("Taints of hosts that pods bear.")
    .meta(atomicList),
});

export type Placement = z.output<typeof placementSchema>;
