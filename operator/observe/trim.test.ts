import { expect, test } from "vitest";
import { FIELD_MANAGER, LABELS } from "../api/group.ts";
import type { Item } from "../runtime/resource.ts";
import type { KindName } from "./resources.ts";
import { trim } from "./trim.ts";

const object = (rest: object, labels: Readonly<Record<string, string>> = {}): Item =>
  ({
    metadata: {
      ...{ name: "a", uid: "u", resourceVersion: "1", labels },
      managedFields: [{ manager: "kubectl", time: "t", operation: "Update", fieldsV1: { "f:spec": {} } }],
    },
    ...rest,
  }) as Item;
/** As JSON has it: without what is undefined. */
const kept = (kind: KindName, item: Item): Record<string, unknown> => JSON.parse(JSON.stringify(trim(kind, item)));

test("of a pod stay its host, its containers' images and limits, and its status", () => {
  const container = { name: "node", image: "i", imagePullPolicy: "Always", resources: { limits: { cpu: "1" } } };
  const spec = {
    nodeName: "w1",
    containers: [{ ...container, env: [], volumeMounts: [], livenessProbe: {} }],
    initContainers: [{ name: "restore", args: ["x"] }],
    volumes: [{ name: "data" }],
  };
  const { metadata, ...rest } = kept("Pod", object({ spec, status: { phase: "Running" } }));
  expect(rest).toEqual({
    spec: { nodeName: "w1", containers: [container], initContainers: [{ name: "restore" }] },
    status: { phase: "Running" },
  });
  expect(metadata).not.toHaveProperty("managedFields");
});

test("of a revision its data stay where it is a release", () => {
  const data = { inputs: {} };
  expect(
    kept("ControllerRevision", object({ revision: 1, data }, { [LABELS.managedBy]: FIELD_MANAGER })),
  ).toMatchObject({
    data,
  });
  expect(kept("ControllerRevision", object({ revision: 1, data }))).not.toHaveProperty("data");
});

test("of what is put back stays who wrote it; of a host its images go", () => {
  const service = kept("Service", object({ spec: { type: "ClusterIP" } }));
  expect(service).toMatchObject({
    spec: { type: "ClusterIP" },
    metadata: { managedFields: [{ manager: "kubectl", time: "t" }] },
  });
  expect(JSON.stringify(service)).not.toContain("f:spec");
  const host = kept("Node", object({ status: { images: [{ names: ["x"] }], conditions: [] } }));
  expect(host.status).toEqual({ conditions: [] });
});
