import { GROUP } from "./group.ts";

const NAME = "hmn-deletion-protection";

/** While `spec.deletionProtection` is true nobody deletes the HmnCluster, the deletion of its namespace included. */
export const deletionPolicy = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingAdmissionPolicy",
  metadata: { name: NAME },
  spec: {
    failurePolicy: "Fail",
    matchConstraints: {
      resourceRules: [{ apiGroups: [GROUP], apiVersions: ["*"], operations: ["DELETE"], resources: ["hmnclusters"] }],
    },
    validations: [
      {
        expression: "!has(oldObject.spec.deletionProtection) || !oldObject.spec.deletionProtection",
        messageExpression:
          "'spec.deletionProtection is true: set it to false first, with kubectl patch hmn ' + oldObject.metadata.name + ' -n ' + oldObject.metadata.namespace + ' --type merge -p \\'{\"spec\":{\"deletionProtection\":false}}\\''",
      },
    ],
  },
} as const;

export const deletionPolicyBinding = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingAdmissionPolicyBinding",
  metadata: { name: NAME },
  spec: { policyName: NAME, validationActions: ["Deny"] },
} as const;
