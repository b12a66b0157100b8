import { expect, test } from "vitest";
import { parse } from "yaml";
import { kindConfig } from "./kind.ts";
import { fullName } from "./loading.ts";

test("each worker is a zone of its own, and the control plane is none", () => {
  const config = parse(kindConfig({ workers: 4, apiServerPort: 6443 }));
  const zones = config.nodes.map((node: { role: string; labels?: Record<string, string> }) => [
    node.role,
    node.labels?.["topology.kubernetes.io/zone"],
  ]);
  expect(zones).toEqual([
    ["control-plane", undefined],
    ["worker", "z1"],
    ["worker", "z2"],
    ["worker", "z3"],
    ["worker", "z4"],
  ]);
  expect(config.networking).toEqual({ apiServerAddress: "127.0.0.1", apiServerPort: 6443 });
});

test("the stock cluster keeps kind's own kubelet settings but for cgroup v1", () => {
  const config = parse(kindConfig({ workers: 1 }));
  expect(JSON.parse(config.kubeadmConfigPatches[0])).toEqual({
    kind: "KubeletConfiguration",
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    failCgroupV1: false,
  });
});

test.each([
  ["local/hmn-node:1.1.0", "docker.io/local/hmn-node:1.1.0"],
  ["busybox", "docker.io/library/busybox:latest"],
  ["registry.example:5000/a/b", "registry.example:5000/a/b:latest"],
  ["localhost/a:1", "localhost/a:1"],
])("containerd knows %s as %s", (reference, full) => {
  expect(fullName(reference)).toBe(full);
});
