import { expect, test } from "vitest";
import { clusterSpecSchema } from "../api/cluster.ts";
import { describeDifference, inputsOf, revisionOf } from "./inputs.ts";
import { renderTemplate, templateFor } from "./template.ts";

const spec = clusterSpecSchema.parse({
  version: "1.0.0",
  image: { reference: "hmn-node:1.0.0" },
  network: "payments",
  environment: [
    { name: "B", value: "%validator% {{0}}" },
    { name: "A", value: "2" },
  ],
});
const inputs = inputsOf(spec);

type Pod = {
  metadata: { labels: Record<string, string> };
  spec: {
    securityContext: object;
    containers: {
      env: { name: string; value: string }[];
      resources: { requests: object; limits: object };
      securityContext: object;
    }[];
    volumes: { name: string; projected?: { sources: { secret?: { name: string } }[] } }[];
  };
};

test("one stored template serves every validator, and touches nothing that the user wrote", () => {
  const stored = JSON.parse(JSON.stringify(renderTemplate("pay-0-tls", "abc", inputs)));
  const pod = templateFor(stored, 12) as unknown as Pod;
  expect(pod.metadata.labels["hmn.dev/validator"]).toBe("12");
  expect(pod.spec.containers[0]?.env).toEqual([
    { name: "HMN_VALIDATOR", value: "12" },
    { name: "A", value: "2" },
    { name: "B", value: "%validator% {{0}}" },
  ]);
  expect(pod.spec.volumes[0]?.projected?.sources[0]?.secret?.name).toBe("pay-0-tls-12-tls");
  // The stored one is not changed by its use.
  expect(templateFor(stored, 3)).not.toEqual(pod);
});

test("pods are restricted, and their requests equal their limits", () => {
  const pod = templateFor(renderTemplate("payments", "abc", inputs), 0) as unknown as Pod;
  const [container] = pod.spec.containers;
  expect(pod.spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
  expect(container?.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
  expect(container?.resources.requests).toEqual(container?.resources.limits);
});

test("a revision is made of what reaches the pod: not of order, not of policy", () => {
  const revision = revisionOf(inputs);
  expect(revisionOf(inputsOf({ ...spec, environment: spec.environment.toReversed() }))).toBe(revision);
  expect(revisionOf(inputsOf({ ...spec, paused: true, retry: "x" }))).toBe(revision);
  expect(revisionOf(inputsOf({ ...spec, version: "1.0.1" }))).not.toBe(revision);
  expect(revisionOf(inputsOf({ ...spec, resources: { ...spec.resources, cpu: "1" } }))).not.toBe(revision);
});

test("differences are told without values of variables", () => {
  const next = inputsOf({ ...spec, version: "1.1.0", environment: [{ name: "A", value: "secret" }] });
  expect(describeDifference(inputs, next)).toBe("version 1.0.0 -> 1.1.0, environment A changed, environment B removed");
});
