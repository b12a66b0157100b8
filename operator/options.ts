import { parseArgs } from "node:util";

export type Options = {
  readonly kubeconfig: string | undefined;
  /** Where the pod finds `token`, `ca.crt` and `namespace` of its ServiceAccount. */
  readonly serviceAccount: string;
  /** Empty: all. */
  readonly namespaces: readonly string[];
  readonly leaseNamespace: string | undefined;
  readonly leaseName: string;
  readonly host: string;
  readonly port: number;
  readonly logLevel: string;
  readonly workers: number;
  /** Nothing is moved, rollbacks excepted. */
  readonly freeze: boolean;
  /** Upgrades at a time over all clusters; 0: any number. */
  readonly maxConcurrentRollouts: number;
  /** JSON of what clusters may name as `spec.rollout.metrics.source`. */
  readonly metricSources: string;
  /** URL that traces are sent to, as OTLP over HTTP; undefined: there are none. */
  readonly tracesEndpoint: string | undefined;
};

/** Every flag and the variable that may stand for it; a flag wins. */
const flags = {
  kubeconfig: { variable: "HMN_KUBECONFIG", value: "", help: "kubeconfig file; in a pod none is needed" },
  "service-account": {
    variable: "HMN_SERVICE_ACCOUNT",
    value: "/var/run/secrets/kubernetes.io/serviceaccount",
    help: "folder of the pod's ServiceAccount",
  },
  namespaces: { variable: "HMN_NAMESPACES", value: "", help: "namespaces to watch, by commas; empty: all" },
  "lease-namespace": {
    variable: "HMN_LEASE_NAMESPACE",
    value: "",
    help: "namespace of the Lease; empty: the pod's own",
  },
  "lease-name": { variable: "HMN_LEASE_NAME", value: "hmn-operator", help: "name of the Lease" },
  host: { variable: "HMN_HOST", value: "0.0.0.0", help: "address of /metrics, /healthz and /readyz" },
  port: { variable: "HMN_PORT", value: "8080", help: "their port; 0: any free one" },
  "log-level": { variable: "HMN_LOG_LEVEL", value: "info", help: "debug, info, warn or error" },
  workers: { variable: "HMN_WORKERS", value: "4", help: "clusters looked at at the same time" },
  freeze: { variable: "HMN_FREEZE", value: "false", help: "true: no node is moved, rollbacks excepted" },
  "max-concurrent-rollouts": {
    variable: "HMN_MAX_CONCURRENT_ROLLOUTS",
    value: "0",
    help: "upgrades at a time over all clusters; 0: any number",
  },
  "metric-sources": {
    variable: "HMN_METRIC_SOURCES",
    value: "[]",
    help: "JSON list of {name, url, namespaceLabel, podLabel, folder}",
  },
  // The variable is OpenTelemetry's own.
  "traces-endpoint": {
    variable: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    value: "",
    help: "URL that a trace of each reconcile is sent to (OTLP over HTTP, JSON); empty: none",
  },
} as const;
type Flag = keyof typeof flags;

const logLevels = ["debug", "info", "warn", "error"];

export function helpText(): string {
  const lines = Object.entries(flags).map(
    ([name, { variable, value, help }]) =>
      `  --${`${name} VALUE`.padEnd(32)} ${variable.padEnd(28)} ${help}${value === "" ? "" : ` (${value})`}`,
  );
  return `hmn-operator: looks after the HmnClusters of a Kubernetes cluster\n\n${lines.join("\n")}\n  --help\n`;
}

/** Options from flags and environment, `help` if that is asked for. Throws on what it does not understand. */
export function readOptions(args: readonly string[], environment: NodeJS.ProcessEnv): Options | "help" {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      kubeconfig: text,
      "service-account": text,
      namespaces: text,
      "lease-namespace": text,
      "lease-name": text,
      host: text,
      port: text,
      "log-level": text,
      workers: text,
      freeze: text,
      "max-concurrent-rollouts": text,
      "metric-sources": text,
      "traces-endpoint": text,
      help: { type: "boolean" },
    },
    strict: true,
  });
  if (values.help === true) return "help";
  const read = (flag: Flag): string => values[flag] ?? environment[flags[flag].variable] ?? flags[flag].value;
  const whole = (flag: Flag, least: number, most: number): number => {
    const value = Number(read(flag));
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new Error(`--${flag} is ${read(flag)}, but must be a whole number from ${least} to ${most}`);
  };
  const orUndefined = (value: string) => (value === "" ? undefined : value);
  const logLevel = read("log-level");
  if (!logLevels.includes(logLevel)) throw new Error(`--log-level is ${logLevel}, but must be ${logLevels.join(", ")}`);
  const freeze = read("freeze");
  if (freeze !== "true" && freeze !== "false") throw new Error(`--freeze is ${freeze}, but must be true or false`);
  const tracesEndpoint = orUndefined(read("traces-endpoint"));
  if (tracesEndpoint !== undefined && !/^https?:$/.test(URL.parse(tracesEndpoint)?.protocol ?? ""))
    throw new Error(`--traces-endpoint is ${tracesEndpoint}, but must be a URL of http or https`);
  return {
    kubeconfig: orUndefined(read("kubeconfig")),
    serviceAccount: read("service-account"),
    namespaces: read("namespaces")
      .split(",")
      .filter((name) => name !== ""),
    leaseNamespace: orUndefined(read("lease-namespace")),
    leaseName: read("lease-name"),
    host: read("host"),
    port: whole("port", 0, 65_535),
    logLevel,
    workers: whole("workers", 1, 64),
    freeze: freeze === "true",
    maxConcurrentRollouts: whole("max-concurrent-rollouts", 0, 10_000),
    metricSources: read("metric-sources"),
    tracesEndpoint,
  };
}
