import { expect, test } from "vitest";
import { helpText, readOptions } from "./options.ts";

test("a flag wins over its variable, and both over the default", () => {
  const environment = { HMN_PORT: "9000", HMN_NAMESPACES: "a,b", HMN_LOG_LEVEL: "debug" };
  expect(readOptions(["--port", "0", "--lease-namespace=hmn"], environment)).toEqual({
    kubeconfig: undefined,
    serviceAccount: "/var/run/secrets/kubernetes.io/serviceaccount",
    namespaces: ["a", "b"],
    leaseNamespace: "hmn",
    leaseName: "hmn-operator",
    host: "0.0.0.0",
    port: 0,
    logLevel: "debug",
    workers: 4,
    freeze: false,
    maxConcurrentRollouts: 0,
    metricSources: "[]",
    tracesEndpoint: undefined,
  });
});

test.each([
  [["--port", "http"], "--port is http, but must be a whole number from 0 to 65535"],
  [["--workers", "0"], "--workers is 0"],
  [["--log-level", "loud"], "--log-level is loud"],
  [["--freeze", "yes"], "--freeze is yes, but must be true or false"],
  [["--max-concurrent-rollouts", "-1"], "--max-concurrent-rollouts"],
  [["--traces-endpoint", "collector:4318"], "--traces-endpoint is collector:4318, but must be a URL of http or https"],
  [["--color"], "--color"],
])("refuses %j", (args, message) => {
  expect(() => readOptions(args, {})).toThrow(message);
});

test("--help names every flag and its variable", () => {
  expect(readOptions(["--help"], {})).toBe("help");
  for (const name of ["--kubeconfig", "HMN_NAMESPACES", "--lease-name", "HMN_PORT"]) expect(helpText()).toContain(name);
});
