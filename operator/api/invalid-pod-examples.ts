import { type Example, type InvalidExample, validCluster } from "./valid-examples.ts";

const pods = (name: string, part: Example, expect: string, field: string): InvalidExample => ({
  name,
  field: `spec.pods.${field}`,
  object: validCluster({ pods: part }),
  expect,
});
const placement = (name: string, part: Example, expect: string, field: string): InvalidExample => ({
  name,
  field: `spec.placement.${field}`,
  object: validCluster({ placement: part }),
  expect,
});
const services = (name: string, part: Example, expect: string, field: string): InvalidExample => ({
  name,
  field: `spec.services.${field}`,
  object: validCluster({ services: part }),
  expect,
});
const long = { ["k".repeat(318)]: "v" };
const tooLong = (field: string) => `keys of spec.${field} must be at most 317 characters`;
const hosts = (operator: string, values: readonly string[]) => ({
  nodeAffinity: { required: [{ matchExpressions: [{ key: "disk", operator, values }] }] },
});

/** About what surrounds a node: its pod, its place and its Services. */
export const invalidPodExamples: readonly InvalidExample[] = [
  placement(
    "a key of the node selector that is too long",
    { nodeSelector: long },
    tooLong("placement.nodeSelector"),
    "nodeSelector",
  ),
  placement(
    "a value of the node selector with a blank",
    { nodeSelector: { disk: "very fast" } },
    "spec.placement.nodeSelector",
    "nodeSelector",
  ),
  placement(
    "a host that is in nothing",
    hosts("In", []),
    "values must be given for In and NotIn, one whole number",
    "nodeAffinity.required[0].matchExpressions[0]",
  ),
  placement(
    "a host that is more than a word",
    hosts("Gt", ["many"]),
    "one whole number for Gt and Lt",
    "nodeAffinity.required[0].matchExpressions[0]",
  ),
  placement(
    "a pod label that exists with a value",
    {
      podAntiAffinity: {
        required: [{ topologyKey: "zone", matchExpressions: [{ key: "app", operator: "Exists", values: ["x"] }] }],
      },
    },
    "values must be given for In and NotIn, and none for Exists and DoesNotExist",
    "podAntiAffinity.required[0].matchExpressions[0]",
  ),
  placement(
    "a toleration of nothing",
    { tolerations: [{ operator: "Equal" }] },
    "a toleration must have a key with Equal",
    "tolerations[0]",
  ),
  placement(
    "a toleration for a while of a taint that evicts nobody",
    { tolerations: [{ key: "k", operator: "Exists", effect: "NoSchedule", tolerationSeconds: 5 }] },
    "tolerationSeconds belongs to the effect NoExecute: remove it or set effect",
    "tolerations[0]",
  ),
  pods(
    "a pod label that the operator finds its pods by",
    { labels: { "hmn.dev/voter": "true" } },
    "belong to the operator: choose another key",
    "labels",
  ),
  pods(
    "a pod label that the operator sets",
    { labels: { "app.kubernetes.io/name": "x" } },
    "belong to the operator: choose another key",
    "labels",
  ),
  pods("a pod label that is too long", { labels: long }, tooLong("pods.labels"), "labels"),
  pods("a pod annotation that is too long", { annotations: long }, tooLong("pods.annotations"), "annotations"),
  pods(
    "a security profile by annotation",
    { annotations: { "container.apparmor.security.beta.kubernetes.io/node": "unconfined" } },
    "security profiles of the pods are set by the operator: remove the annotation",
    "annotations",
  ),
  pods(
    "a priority of the system",
    { priorityClassName: "system-node-critical" },
    "priority classes of the system are not for validators",
    "priorityClassName",
  ),
  pods(
    "no time to stop",
    { terminationGracePeriodSeconds: 0 },
    "should be greater than or equal to 10",
    "terminationGracePeriodSeconds",
  ),
  pods("a security context", { securityContext: { privileged: true } }, "securityContext", "securityContext"),
  services(
    "a Service label that is too long",
    { client: { labels: long } },
    tooLong("services.client.labels"),
    "client.labels",
  ),
  services(
    "a Service annotation that is too long",
    { client: { annotations: long } },
    tooLong("services.client.annotations"),
    "client.annotations",
  ),
  services(
    "a network without its size",
    { client: { type: "NodePort", sourceRanges: ["300.0.2.0/24"] } },
    "each range must be a network in CIDR notation",
    "client.sourceRanges",
  ),
  services(
    "a way in for some where there is none",
    { client: { sourceRanges: ["192.0.2.0/24"] } },
    "sourceRanges belong to the types NodePort and LoadBalancer",
    "client",
  ),
  services(
    "one family twice",
    { ipFamilies: ["IPv4", "IPv4"], ipFamilyPolicy: "PreferDualStack" },
    "the two families must differ",
    "ipFamilies",
  ),
  services(
    "two families in one stack",
    { ipFamilies: ["IPv4", "IPv6"] },
    "two families must not be asked for with SingleStack",
    "services",
  ),
  {
    name: "another family",
    field: "spec.services.ipFamilies",
    before: validCluster({ services: { ipFamilies: ["IPv4"] } }),
    object: validCluster({ services: { ipFamilies: ["IPv6"] } }),
    expect: "spec.services.ipFamilies cannot be changed after creation",
  },
];
