import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { approvalPolicy, approvalPolicyBinding } from "../../../../operator/api/approval-policy.ts";
import { deletionPolicy, deletionPolicyBinding } from "../../../../operator/api/deletion-policy.ts";
import { generatedFiles } from "../../../../operator/api/generate.ts";
import { binary } from "../../cache.ts";

const root = join(import.meta.dirname, "..", "..", "..", "..");
const chart = join(root, "charts", "hmn-operator");
const helm = [binary("helm"), ...(process.env.PATH ?? "").split(":").map((folder) => join(folder, "helm"))].find(
  (path) => existsSync(path),
);

type KubeObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> };
  readonly [field: string]: unknown;
};

function template(...settings: readonly string[]) {
  const flags = settings.flatMap((setting) => ["--set", setting]);
  const { status, stdout, stderr } = spawnSync(
    helm ?? "helm",
    ["template", "hmn-operator", chart, "--namespace", "hmn-system", ...flags],
    { encoding: "utf8" },
  );
  const objects = status === 0 ? parseAllDocuments(stdout).map((document) => document.toJS() as KubeObject) : [];
  return { status, stderr, objects };
}

/** What the operator's code asks for, as `npm run generate` writes it. */
const rules = (file: string): readonly unknown[] =>
  parse(generatedFiles().get(`charts/hmn-operator/files/${file}`) ?? "");

describe("the chart", () => {
  it("holds the generated rules and nothing else beside its templates", () => {
    const files = readdirSync(join(chart, "files")).toSorted();
    expect(files).toEqual([
      "approval-policy.yaml",
      "cluster-rules.yaml",
      "deletion-policy.yaml",
      "lease-rules.yaml",
      "rules.yaml",
    ]);
    for (const file of files) {
      expect(parse(readFileSync(join(chart, "files", file), "utf8")), `${file}: run npm run generate`).toEqual(
        rules(file),
      );
    }
  });
});

// Helm is built from Go modules by the end-to-end tests; HMN_HELM=required makes its absence a failure (.ci/run does).
describe.skipIf(helm === undefined && process.env.HMN_HELM !== "required")("the chart, rendered by Helm", () => {
  let objects: readonly KubeObject[] = [];
  const only = (kind: string): KubeObject => {
    const found = objects.filter((object) => object.kind === kind);
    expect(found, kind).toHaveLength(1);
    return found[0] as KubeObject;
  };
  beforeAll(() => {
    objects = template().objects;
  });

  it("renders these objects", () => {
    expect(
      objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? "-"}/${metadata.name}`).toSorted(),
    ).toEqual([
      "ClusterRole -/hmn-operator",
      "ClusterRoleBinding -/hmn-operator",
      "Deployment hmn-system/hmn-operator",
      "PodDisruptionBudget hmn-system/hmn-operator",
      "Role hmn-system/hmn-operator-lease",
      "RoleBinding hmn-system/hmn-operator-lease",
      "Service hmn-system/hmn-operator-metrics",
      "ServiceAccount hmn-system/hmn-operator",
      "ValidatingAdmissionPolicy -/hmn-approval-signer",
      "ValidatingAdmissionPolicy -/hmn-deletion-protection",
      "ValidatingAdmissionPolicy -/hmn-status-writer",
      "ValidatingAdmissionPolicyBinding -/hmn-approval-signer",
      "ValidatingAdmissionPolicyBinding -/hmn-deletion-protection",
      "ValidatingAdmissionPolicyBinding -/hmn-status-writer",
    ]);
    for (const { metadata } of objects) expect(metadata.labels?.["app.kubernetes.io/name"]).toBe("hmn-operator");
  });

  it("grants exactly what the code asks for", () => {
    expect(only("ClusterRole").rules).toEqual([...rules("cluster-rules.yaml"), ...rules("rules.yaml")]);
    expect(only("Role").rules).toEqual(rules("lease-rules.yaml"));
  });

  it("ships the admission policies that the operator looks for, and none when told so", () => {
    for (const shipped of [approvalPolicy, approvalPolicyBinding, deletionPolicy, deletionPolicyBinding])
      expect(
        objects.find(({ kind, metadata }) => kind === shipped.kind && metadata.name === shipped.metadata.name)?.spec,
      ).toEqual(shipped.spec);
    const without = template("admissionPolicies=false").objects;
    expect(without.filter(({ kind }) => kind.startsWith("ValidatingAdmission"))).toEqual([]);
    expect(without.length).toBe(objects.length - 6);
  });

  it("runs two replicas that pass Pod Security's restricted profile", () => {
    expect(only("Deployment").spec).toMatchObject({
      replicas: 2,
      template: {
        spec: {
          securityContext: { runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: "RuntimeDefault" } },
          containers: [
            {
              image: "local/hmn-operator:0.1.0",
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ["ALL"] },
              },
              livenessProbe: { httpGet: { path: "/healthz" } },
              readinessProbe: { httpGet: { path: "/readyz" } },
            },
          ],
        },
      },
    });
  });

  it("selects its own pods in every selector", () => {
    const deployment = only("Deployment").spec as { template: { metadata: { labels: Record<string, string> } } };
    const selectors = [
      (only("Deployment").spec as { selector: { matchLabels: object } }).selector.matchLabels,
      (only("PodDisruptionBudget").spec as { selector: { matchLabels: object } }).selector.matchLabels,
      (only("Service").spec as { selector: object }).selector,
    ];
    for (const selector of selectors) expect(deployment.template.metadata.labels).toMatchObject(selector);
  });

  it("may be held to some namespaces, and then reads nothing of the others but hosts and admission policies", () => {
    const { objects: narrow } = template("watchNamespaces={money,trade}");
    for (const namespace of ["money", "trade"])
      expect(narrow.find(({ kind, metadata }) => kind === "Role" && metadata.namespace === namespace)?.rules).toEqual(
        rules("rules.yaml"),
      );
    const bindings = narrow.filter(({ kind }) => kind === "RoleBinding").map(({ metadata }) => metadata.namespace);
    expect(bindings.toSorted()).toEqual(["hmn-system", "money", "trade"]);
    const wide = narrow.filter(({ kind }) => kind === "ClusterRoleBinding");
    expect(wide.map(({ roleRef }) => (roleRef as { name: string }).name)).toEqual(["hmn-operator-hosts"]);
    const hosts = narrow.find(({ metadata }) => metadata.name === "hmn-operator-hosts");
    expect(hosts?.rules).toEqual(rules("cluster-rules.yaml"));
  });

  it("hands its values over in the variables that the operator knows", () => {
    const { objects: set } = template(
      "logLevel=debug",
      "watchNamespaces={money,trade}",
      "freeze=true",
      "maxConcurrentRollouts=3",
    );
    const deployment = set.find(({ kind }) => kind === "Deployment")?.spec as {
      template: { spec: { containers: { env: { name: string; value?: string; valueFrom?: object }[] }[] } };
    };
    const variables = deployment.template.spec.containers[0]?.env ?? [];
    const environment = Object.fromEntries(variables.map(({ name, value, valueFrom }) => [name, value ?? valueFrom]));
    expect(environment).toEqual({
      HMN_LEASE_NAMESPACE: { fieldRef: { fieldPath: "metadata.namespace" } },
      HMN_LEASE_NAME: "hmn-operator",
      HMN_LOG_LEVEL: "debug",
      HMN_NAMESPACES: "money,trade",
      HMN_FREEZE: "true",
      HMN_MAX_CONCURRENT_ROLLOUTS: "3",
      HMN_METRIC_SOURCES: "[]",
    });
    const help = spawnSync(process.execPath, [join(root, "operator", "main.ts"), "--help"], {
      encoding: "utf8",
    }).stdout;
    for (const name of Object.keys(environment)) expect(help).toContain(name);
  });

  it("hands metric sources over as JSON, and mounts the Secret of each that has one", () => {
    const { objects: set } = template(
      "metricSources[0].name=prom,metricSources[0].url=http://prometheus.monitoring.svc:9090",
      "metricSources[1].name=thanos,metricSources[1].url=https://thanos.svc,metricSources[1].secretName=client",
      "networkPolicy.enabled=true",
      "networkPolicy.metricSourcePorts={9090}",
    );
    const deployment = set.find(({ kind }) => kind === "Deployment")?.spec as {
      template: {
        spec: {
          volumes: object[];
          containers: { env: { name: string; value?: string }[]; volumeMounts: object[] }[];
        };
      };
    };
    const [container] = deployment.template.spec.containers;
    const text = container?.env.find(({ name }) => name === "HMN_METRIC_SOURCES")?.value ?? "";
    const folder = "/etc/hmn-operator/sources/thanos";
    expect(JSON.parse(text)).toEqual([
      { name: "prom", url: "http://prometheus.monitoring.svc:9090" },
      { name: "thanos", url: "https://thanos.svc", folder },
    ]);
    expect(container?.volumeMounts).toContainEqual({ name: "source-1", mountPath: folder, readOnly: true });
    expect(deployment.template.spec.volumes).toContainEqual({ name: "source-1", secret: { secretName: "client" } });
    const guard = JSON.stringify(set.find(({ kind }) => kind === "NetworkPolicy")?.spec);
    expect(guard).toContain('{"ports":[{"port":9090}]}');
    expect(template("metricSources[0].name=prom,metricSources[0].url=ftp://x").stderr).toContain("url");
  });

  it("sends traces only where it is told to", () => {
    const variable = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    const told = (...settings: string[]): string =>
      JSON.stringify(template(...settings).objects.find(({ kind }) => kind === "Deployment")?.spec);
    expect(told()).not.toContain(variable);
    const value = "http://collector.monitoring.svc:4318/v1/traces";
    expect(told(`tracesEndpoint=${value}`)).toContain(JSON.stringify({ name: variable, value }));
    expect(template("tracesEndpoint=collector:4318").stderr).toContain("tracesEndpoint");
  });

  it("adds a NetworkPolicy when asked", () => {
    const { objects: guarded } = template("networkPolicy.enabled=true");
    expect(guarded.filter(({ kind }) => kind === "NetworkPolicy")).toHaveLength(1);
  });

  it.each([
    ["replica=3", "replica"],
    ["replicas=0", "minimum"],
    ["logLevel=loud", "logLevel"],
    ["image.pullPolicy=Sometimes", "pullPolicy"],
    ["watchNamespaces={Big_Name}", "watchNamespaces"],
    ["resources.limits.memory=lots", "memory"],
  ])("refuses --set %s", (setting, message) => {
    const { status, stderr } = template(setting);
    expect(status).not.toBe(0);
    expect(stderr).toContain(message);
  });
});
