import { GROUP } from "./group.ts";

const NAME = "hmn-approval-signer";

/**
 * Who signs an HmnApproval is proved by the API server: the named signer is the user who creates it, and RBAC grants that
 * user the verb `approve` on the HmnCluster. Whoever may impersonate a user may also sign as them.
 */
export const approvalPolicy = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingAdmissionPolicy",
  metadata: { name: NAME },
  spec: {
    failurePolicy: "Fail",
    matchConstraints: {
      resourceRules: [
        { apiGroups: [GROUP], apiVersions: ["*"], operations: ["CREATE", "UPDATE"], resources: ["hmnapprovals"] },
      ],
    },
    validations: [
      {
        expression: "object.spec.signer.username == request.userInfo.username",
        messageExpression: "'spec.signer.username must be you: ' + request.userInfo.username",
      },
      {
        expression: "!request.userInfo.username.startsWith('system:')",
        message: "users of the system cannot approve: sign in as a person, or as a user of your pipeline",
      },
      {
        expression:
          "authorizer.group('hmn.dev').resource('hmnclusters').namespace(object.metadata.namespace).name(object.spec.cluster).check('approve').allowed()",
        messageExpression:
          "request.userInfo.username + ' may not approve for this cluster: grant the verb approve on hmnclusters/' + object.spec.cluster",
      },
    ],
  },
} as const;

export const approvalPolicyBinding = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingAdmissionPolicyBinding",
  metadata: { name: NAME },
  spec: { policyName: NAME, validationActions: ["Deny"] },
} as const;
