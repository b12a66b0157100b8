import { describe, expect, test } from "vitest";
import { type ClusterSpecInput, clusterSpecSchema } from "../api/cluster.ts";
import { shortHash } from "./hash.ts";
import { describeDifference, inputsOf, revisionOf } from "./inputs.ts";
import { specFault } from "./spec-fault.ts";
import { renderTemplate } from "./template.ts";

const plain = { version: "1.0.0", image: { reference: "hmn-node:1.0.0" }, network: "payments" };
const render = (input: ClusterSpecInput) => {
  const inputs = inputsOf(clusterSpecSchema.parse(input));
  return renderTemplate("payments", revisionOf(inputs), inputs);
};
/** Everything that a user can say about the pods, some of it as bad as it gets. */
const full: ClusterSpecInput = {
  ...plain,
  environment: [{ name: "LD_PRELOAD", value: "/evil.so" }],
  resources: { cpu: "2", memory: "4Gi" },
  placement: {
    allowSharedHosts: true,
    nodeSelector: { disk: "fast" },
    nodeAffinity: {
      required: [{ matchExpressions: [{ key: "gpu", operator: "DoesNotExist" }] }],
      preferred: [{ weight: 5, matchExpressions: [{ key: "cores", operator: "Gt", values: ["8"] }] }],
    },
    podAntiAffinity: {
      required: [{ topologyKey: "rack", matchExpressions: [{ key: "app", operator: "In", values: ["noisy"] }] }],
      preferred: [{ weight: 9, topologyKey: "zone", matchExpressions: [{ key: "app", operator: "Exists" }] }],
    },
    tolerations: [{ key: "dedicated", operator: "Equal", value: "hmn", effect: "NoExecute", tolerationSeconds: 60 }],
  },
  pods: {
    labels: { team: "ledger", "hmn.dev/voter": "true", "hmn.dev/cluster": "other", "app.kubernetes.io/name": "x" },
    annotations: { "example.com/note": "a b c" },
    imagePullSecrets: [{ name: "registry" }],
    priorityClassName: "important",
    runtimeClassName: "gvisor",
    terminationGracePeriodSeconds: 90,
  },
};

/** Paths at which two values differ. */
function differences(a: unknown, b: unknown, path = ""): readonly string[] {
  if (
    typeof a !== "object" ||
    typeof b !== "object" ||
    a === null ||
    b === null ||
    Array.isArray(a) ||
    Array.isArray(b)
  )
    return shortHash(a ?? null) === shortHash(b ?? null) ? [] : [path];
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].flatMap((key) =>
    differences(left[key], right[key], `${path}/${key}`),
  );
}

describe("what a user says about the pods", () => {
  test("reaches these places of a pod and no other, so none of it widens what the pod may do", () => {
    const [before, after] = [render(plain).pod, render(full).pod];
    const container = (pod: typeof before) => (pod.spec as { containers: readonly object[] }).containers;
    expect(container(after)).toHaveLength(1);
    expect(differences(before, after).toSorted()).toEqual([
      "/metadata/annotations",
      "/metadata/labels/hmn.dev/revision",
      "/metadata/labels/team",
      "/spec/affinity/nodeAffinity",
      "/spec/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution",
      "/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution",
      "/spec/containers",
      "/spec/imagePullSecrets",
      "/spec/nodeSelector/disk",
      "/spec/priorityClassName",
      "/spec/runtimeClassName",
      "/spec/terminationGracePeriodSeconds",
      "/spec/tolerations",
    ]);
    expect(differences(container(before)[0], container(after)[0]).toSorted()).toEqual([
      "/env",
      "/resources/limits/cpu",
      "/resources/limits/memory",
      "/resources/requests/cpu",
      "/resources/requests/memory",
    ]);
  });

  test("keeps one validator to a host beside whatever else is asked for", () => {
    const affinity = (placement: ClusterSpecInput["placement"]) =>
      (render({ ...full, placement }).pod.spec as { affinity?: object }).affinity;
    expect(affinity({ ...full.placement, allowSharedHosts: false })).toMatchObject({
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: "kubernetes.io/hostname" },
          {
            topologyKey: "rack",
            labelSelector: { matchExpressions: [{ key: "app", operator: "In", values: ["noisy"] }] },
          },
        ],
      },
    });
    expect(affinity({ allowSharedHosts: true, podAntiAffinity: {}, nodeAffinity: {} })).toBeUndefined();
  });

  test("is part of the release, and told as such", () => {
    const [from, to] = [plain, full].map((input) => inputsOf(clusterSpecSchema.parse(input)));
    expect(to === undefined ? "" : describeDifference(from, to)).toContain(
      "placement changed, pods.annotations changed, pods.imagePullSecrets changed",
    );
    for (const part of ["pods", "placement"] as const)
      expect(revisionOf(inputsOf(clusterSpecSchema.parse({ ...plain, [part]: full[part] })))).not.toBe(
        revisionOf(inputsOf(clusterSpecSchema.parse(plain))),
      );
  });
});

test("no release of an earlier version becomes another one because fields were added", () => {
  // As the version without spec.pods, spec.services and the later fields of placement had them.
  expect([revisionOf(inputsOf(clusterSpecSchema.parse(plain))), shortHash(render(plain))]).toEqual([
    "0997d27365",
    "cecfc49505",
  ]);
  const emptied: ClusterSpecInput = {
    ...plain,
    pods: { labels: {} },
    placement: { tolerations: [] },
    services: { client: { type: "NodePort" } },
  };
  expect(shortHash(render(emptied))).toBe(shortHash(render(plain)));
});

test.each([
  ["a blank", "a b"],
  ["an empty name", "example.com/"],
  ["two prefixes", "a/b/c"],
  ["a name over 63 characters", "a".repeat(64)],
])("a key with %s is a fault of the spec, and is not rendered", (_, key) => {
  const input = { ...plain, pods: { labels: { [key]: "x", good: "y" } } };
  expect(specFault(clusterSpecSchema.parse(input))).toContain("spec.pods.labels has the key");
  expect(render(input).pod.metadata.labels).toMatchObject({ good: "y" });
  expect(render(input).pod.metadata.labels[key]).toBeUndefined();
  expect(specFault(clusterSpecSchema.parse(full))).toBeUndefined();
});
