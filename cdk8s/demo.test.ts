import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Chart, Testing } from "cdk8s";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { clusterSpecSchema } from "../operator/api/cluster.ts";
import { exampleFiles } from "./demo.ts";
import { HmnCluster } from "./hmn-cluster.ts";
import { chartYaml } from "./yaml.ts";

const root = join(import.meta.dirname, "..");
const newChart = (): Chart => new Chart(Testing.app(), "test", { disableResourceNameHashes: true });
const minimal = { version: "1.0.0", image: { reference: "registry/hmn-node:1.0.0" }, network: "payments" };

describe("the examples", () => {
  it.each([...exampleFiles()])("%s is what cdk8s/demo.ts gives; else run npm run generate", async (path, text) => {
    expect(await readFile(join(root, path), "utf8")).toBe(text);
  });

  it("hold one HmnCluster that the schema takes as it stands", () => {
    const text = exampleFiles().get("docs/examples/four-validators.yaml") ?? "";
    const objects = parseAllDocuments(text).map((document) => document.toJS() as { kind: string; spec: unknown });
    expect(objects.map(({ kind }) => kind)).toEqual(["Namespace", "HmnCluster"]);
    expect(clusterSpecSchema.safeParse(objects[1]?.spec).error).toBeUndefined();
  });

  it("are what the README explains field by field", async () => {
    const readme = await readFile(join(root, "README.md"), "utf8");
    const shown = /```yaml\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
    const [, cluster] = parseAllDocuments(exampleFiles().get("docs/examples/four-validators.yaml") ?? "");
    expect(parse(shown)).toEqual(cluster?.toJS());
  });

  it("know the published key", () => {
    // Computed apart from this project: printf 'hmn demo treasury' | sha256sum, and OpenSSL's public key of that seed.
    expect(exampleFiles().get("docs/examples/load.yaml")).toContain(
      "seed: 3c2cec398cc47e749b8c0590ff2b9d7b69481ffb2f0c2b22e54b57c45456abf0",
    );
    expect(exampleFiles().get("docs/examples/four-validators.yaml")).toContain(
      "ownerPublicKey: c31c66d6ca58d2939739e94d2aaac0dc662362c8fbedfcfd7ee93e875b130e68",
    );
  });
});

describe("HmnCluster", () => {
  it("keeps the spec as it was written, without the defaults", () => {
    const chart = newChart();
    new HmnCluster(chart, "payments", { metadata: { name: "payments" }, spec: minimal });
    expect(chart.toJson()).toEqual([
      { apiVersion: "hmn.dev/v1alpha1", kind: "HmnCluster", metadata: { name: "payments" }, spec: minimal },
    ]);
  });

  it("refuses what the API server would refuse, and names the field", () => {
    const spec = { ...minimal, validators: { replicas: 3 } };
    expect(() => new HmnCluster(newChart(), "small", { metadata: { name: "small" }, spec })).toThrow(
      /HmnCluster small: [\s\S]*validators\.replicas/,
    );
  });

  it("knows where clients reach it", () => {
    const cluster = new HmnCluster(newChart(), "a", { metadata: { name: "a" }, spec: minimal });
    expect(cluster.caConfigMap).toBe("a-ca");
    expect(cluster.targets("money", 8001)).toEqual([
      "a-0.money.svc:8001/0.payments",
      "a-1.money.svc:8001/1.payments",
      "a-2.money.svc:8001/2.payments",
      "a-3.money.svc:8001/3.payments",
    ]);
  });
});

describe("chartYaml", () => {
  it("puts a remark above its field, and knows a remark without one", () => {
    const chart = newChart();
    new HmnCluster(chart, "a", { metadata: { name: "a" }, spec: minimal });
    expect(chartYaml(chart, { head: ["Head"], fields: { "spec.network": "Why." } })).toBe(
      [
        "# Head",
        "apiVersion: hmn.dev/v1alpha1",
        "kind: HmnCluster",
        "metadata:",
        "  name: a",
        "spec:",
        "  version: 1.0.0",
        "  image:",
        "    reference: registry/hmn-node:1.0.0",
        "  # Why.",
        "  network: payments",
        "",
      ].join("\n"),
    );
    expect(() => chartYaml(chart, { head: [], fields: { "spec.nothing": "?" } })).toThrow(/spec\.nothing/);
  });
});
