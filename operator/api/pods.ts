import { z } from "zod";
import { type CelRule, cel, listMap } from "./fields.ts";
import { annotationsField, labelsField, oursStay } from "./label-map.ts";

/** Name of an object that a pod refers to. */
const objectName = (description: string) =>
  z
    .string()
    .min(1)
    .max(253)
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/)
    .describe(description);

/** Annotations by which older kubelets took a pod's security profiles. */
const profiles = [
  "container.apparmor.security.beta.kubernetes.io/",
  "container.seccomp.security.alpha.kubernetes.io/",
  "seccomp.security.alpha.kubernetes.io/",
];
const noProfiles: CelRule = {
  rule: `self.all(key, ${profiles.map((prefix) => `!key.startsWith('${prefix}')`).join(" && ")})`,
  message: "security profiles of the pods are set by the operator: remove the annotation",
};

/**
 * What a user may say about the pods beside release, resources and placement. Nothing here, and nothing that may be added,
 * touches the security context. All of it is part of a release (`desired/inputs.ts`): a running pod cannot take most of it, and
 * labels and annotations are read by others when a pod is made.
 */
export const podsSchema = z.object({
  labels: labelsField("Further labels of the pods. Part of the release: a change is rolled out.", oursStay),
  annotations: annotationsField(
    "Further annotations of the pods. Part of the release: a change is rolled out.",
    oursStay,
    noProfiles,
  ),
  imagePullSecrets: z
    .array(z.object({ name: objectName("Name of a Secret in the same namespace.") }))
    .max(8)
    .default([])
    .describe("Secrets with credentials for the image's registry. New contents of a Secret need no change here.")
    .meta(listMap("name")),
  priorityClassName: objectName("PriorityClass of the pods; the default class if absent.")
    .optional()
    .meta(
      cel({
        rule: "!self.startsWith('system-')",
        message: "priority classes of the system are not for validators: make a PriorityClass of your own",
      }),
    ),
  runtimeClassName: objectName("RuntimeClass of the pods; the hosts' default runtime if absent.").optional(),
  terminationGracePeriodSeconds: z
    .int()
    .min(10)
    .max(600)
    .optional()
    .describe("Time that a stopping node has to end what is under way; 30 if absent."),
});
