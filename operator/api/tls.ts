import { z } from "zod";
import { objectName } from "./backup.ts";
import { timeField } from "./fields.ts";

/** How the cluster's certificates are replaced. Identity is the name in a certificate, so a new one is the same node. */
export const tlsSchema = z.object({
  authoritySecret: objectName(
    "Secret in the same namespace with an authority that somebody else makes and renews, such as cert-manager: its certificate, which signs itself, in tls.crt and its key in tls.key. It needs the label hmn.dev/cluster with the name of this HmnCluster. Without it the operator makes its own.",
  ).optional(),
  rotate: z
    .string()
    .max(64)
    .default("")
    .describe(
      "Any new text here replaces the certificate authority and every certificate under it, without a restart. With authoritySecret it does nothing: have that one renewed.",
    ),
  overlapSeconds: z
    .int()
    .min(0)
    .max(2_592_000)
    .default(600)
    .describe(
      "How long both authorities are in the bundle before the first new certificate is served, and again after the last one: the time that clients have to read the bundle anew.",
    ),
});

/** Steps of a change of the authority, in their order; `Rest` is before and after. */
export const tlsSteps = ["Rest", "Trust", "Leaves", "Overlap", "Drop"] as const;
export type TlsStep = (typeof tlsSteps)[number];

export const tlsStatusSchema = z.object({
  step: z
    .enum(tlsSteps)
    .describe(
      "Rest: nothing is replaced but single certificates by their age. Trust: a second authority is in the bundle until every node has it. Leaves: certificates under it reach one node after the other. Overlap: both stay trusted. Drop: the old one leaves the bundle.",
    ),
  since: timeField("Since when."),
  cause: z
    .enum(["Requested", "Age", "Given", "Issuer", ""])
    .describe(
      "Why the authority is replaced: spec.tls.rotate, its age, a next one that a user put into its Secret, or another one in spec.tls.authoritySecret.",
    ),
  rotateHandled: z.string().max(64).describe("The last value of spec.tls.rotate that was acted on."),
  nextRotation: timeField("When the first certificate is replaced by its age.").optional(),
  completionTime: timeField("When the authority was last replaced in full.").optional(),
});

export type TlsStatus = z.output<typeof tlsStatusSchema>;
