import { z } from "zod";
import { atomicList, cel } from "./fields.ts";
import { annotationsField, labelsField, oursStay } from "./label-map.ts";

const clientServiceSchema = z
  .object({
    type: z
      .enum(["ClusterIP", "NodePort", "LoadBalancer"])
      .default("ClusterIP")
      .describe(
        "How clients outside of the Kubernetes cluster get in: not at all, by a port of every host, or by a load balancer.",
      ),
    labels: labelsField("Further labels of the Service.", oursStay),
    annotations: annotationsField("Further annotations of the Service, e.g. for its load balancer.", oursStay),
    sourceRanges: z
      .array(
        z
          .string()
          .min(1)
          .max(49)
          .regex(/^([0-9]{1,3}(\.[0-9]{1,3}){3}\/[0-9]{1,2}|[0-9a-f:]+\/[0-9]{1,3})$/),
      )
      .max(16)
      .default([])
      .describe("Addresses outside of the Kubernetes cluster that may come in, in CIDR notation; all if empty.")
      .meta({
        ...atomicList,
        ...cel({
          rule: "self.all(range, isCIDR(range))",
          message: "each range must be a network in CIDR notation, e.g. 192.0.2.0/24",
        }),
      }),
  })
  .meta(
    cel({
      rule: "self.type != 'ClusterIP' || size(self.sourceRanges) == 0",
      message: "sourceRanges belong to the types NodePort and LoadBalancer: remove them or set type",
    }),
  );

/** Services around the nodes. None of it reaches a pod: a change restarts nothing. */
export const servicesSchema = z
  .object({
    client: clientServiceSchema.prefault({}).describe("The Service by which clients find a node that serves."),
    ipFamilies: z
      .array(z.enum(["IPv4", "IPv6"]))
      .max(2)
      .default([])
      .describe("Address families of all Services, the first one first; the Kubernetes cluster's default if empty.")
      .meta({
        ...atomicList,
        ...cel(
          {
            rule: "self == oldSelf",
            message:
              "spec.services.ipFamilies cannot be changed after creation, as Services cannot change it: make a new HmnCluster instead",
          },
          {
            rule: "size(self) < 2 || self[0] != self[1]",
            message: "the two families must differ",
          },
        ),
      }),
    ipFamilyPolicy: z
      .enum(["SingleStack", "PreferDualStack", "RequireDualStack"])
      .default("SingleStack")
      .describe("Whether Services get addresses of one family or of both."),
  })
  .meta(
    cel({
      rule: "self.ipFamilyPolicy != 'SingleStack' || size(self.ipFamilies) < 2",
      message: "two families must not be asked for with SingleStack: set ipFamilyPolicy to PreferDualStack",
    }),
  );
