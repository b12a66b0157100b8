import { ENVIRONMENT, PATHS, PORTS } from "../../node/api/contract.ts";
import { LABELS } from "../api/group.ts";
import { affinityOf } from "./affinity.ts";
import type { Inputs } from "./inputs.ts";
import { clusterSelector } from "./metadata.ts";
import { authorityName, configName, genesisName, leafSecretParts, memberName } from "./names.ts";
import { podLocks, processLocks } from "./security.ts";
import { soundEntries } from "./spec-fault.ts";

/**
 * The pod of a release as it is stored: the same for all validators but for the `slots`, places that name the validator.
 * Places are listed instead of searched for, so that nothing a user writes can look like one.
 */
export type StoredTemplate = { readonly pod: PodTemplate; readonly slots: readonly Slot[] };
type Slot = { readonly path: readonly (string | number)[]; readonly before: string; readonly after: string };
export type PodTemplate = {
  readonly metadata: { readonly labels: Record<string, string>; readonly annotations?: Record<string, string> };
  readonly spec: unknown;
};

/** Time in which endpoints are told before the node stops taking connections. */
const DRAIN_SECONDS = 2;
const GRACE_SECONDS = 30;

const probe = (path: string) => ({ httpGet: { path, port: "control", scheme: "HTTPS" }, timeoutSeconds: 2 });

export function renderTemplate(cluster: string, revision: string, inputs: Inputs): StoredTemplate {
  const resources = { cpu: inputs.resources.cpu, memory: inputs.resources.memory };
  const { placement, pods = {} } = inputs;
  const affinity = affinityOf(cluster, placement);
  const pod = {
    metadata: {
      labels: {
        // Before ours, so that none of them can be one of ours.
        ...soundEntries(pods.labels ?? {}),
        ...clusterSelector(cluster),
        [LABELS.validator]: "",
        [LABELS.name]: "hmn-node",
        [LABELS.instance]: cluster,
        [LABELS.revision]: revision,
        [LABELS.serving]: "true",
      },
      ...(pods.annotations === undefined ? {} : { annotations: soundEntries(pods.annotations) }),
    },
    spec: {
      serviceAccountName: cluster,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: pods.terminationGracePeriodSeconds ?? GRACE_SECONDS,
      ...picked(pods, "imagePullSecrets", "priorityClassName", "runtimeClassName"),
      securityContext: podLocks,
      nodeSelector: soundEntries(placement.nodeSelector),
      ...(affinity === undefined ? {} : { affinity }),
      ...picked(placement, "tolerations"),
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: "topology.kubernetes.io/zone",
          whenUnsatisfiable: "ScheduleAnyway",
          labelSelector: { matchLabels: clusterSelector(cluster) },
        },
      ],
      containers: [
        {
          name: "node",
          image: inputs.image.reference,
          imagePullPolicy: inputs.image.pullPolicy,
          args: ["start"],
          env: [{ name: ENVIRONMENT.validator, value: "" }, ...inputs.environment],
          ports: [
            { name: "control", containerPort: PORTS.control },
            { name: "client", containerPort: PORTS.client },
            { name: "api", containerPort: PORTS.api },
            { name: "consensus", containerPort: PORTS.consensus },
          ],
          resources: { requests: resources, limits: resources },
          // A node executes its whole log before it answers; killed in the middle it would begin anew for ever. Whether it takes
          // too long is for the rollout's deadline to say.
          startupProbe: { ...probe("/livez"), periodSeconds: 1, failureThreshold: 3600 },
          livenessProbe: { ...probe("/livez"), periodSeconds: 10, failureThreshold: 6 },
          readinessProbe: { ...probe("/readyz"), periodSeconds: 2, failureThreshold: 3 },
          lifecycle: { preStop: { sleep: { seconds: DRAIN_SECONDS } } },
          securityContext: processLocks,
          volumeMounts: [
            { name: "data", mountPath: PATHS.data },
            { name: "config", mountPath: PATHS.config, readOnly: true },
            { name: "tls", mountPath: PATHS.tls, readOnly: true },
            { name: "tmp", mountPath: "/tmp" },
          ],
        },
      ],
      volumes: [
        {
          name: "tls",
          projected: {
            sources: [
              {
                secret: {
                  name: "",
                  items: [
                    { key: "tls.crt", path: "tls.crt" },
                    { key: "tls.key", path: "tls.key" },
                  ],
                },
              },
              { configMap: { name: authorityName(cluster), items: [{ key: "ca.crt", path: "ca.crt" }] } },
            ],
          },
        },
        {
          name: "config",
          projected: {
            sources: [
              { configMap: { name: configName(cluster) } },
              // Pods start before the genesis is known: it needs their keys.
              { configMap: { name: genesisName(cluster), optional: true } },
            ],
          },
        },
        { name: "tmp", emptyDir: { sizeLimit: "16Mi" } },
      ],
    },
  };
  return {
    pod,
    slots: [
      { path: ["metadata", "labels", LABELS.validator], before: "", after: "" },
      { path: ["spec", "containers", 0, "env", 0, "value"], before: "", after: "" },
      { path: ["spec", "volumes", 0, "projected", "sources", 0, "secret", "name"], ...leafSecretParts(cluster) },
    ],
  };
}

/** Those of the fields that are there. */
const picked = <T extends object, Name extends keyof T>(fields: T, ...names: readonly Name[]): Partial<Pick<T, Name>> =>
  Object.fromEntries(names.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]])) as Partial<
    Pick<T, Name>
  >;

/** The template of one node. */
export function templateFor(stored: StoredTemplate, id: number): PodTemplate {
  return stored.slots.reduce(
    (pod, { path, before, after }) => replaced(pod, path, `${before}${memberName(id)}${after}`) as PodTemplate,
    stored.pod,
  );
}

function replaced(value: unknown, path: readonly (string | number)[], leaf: string): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return leaf;
  if (Array.isArray(value)) return value.map((item, index) => (index === key ? replaced(item, rest, leaf) : item));
  const fields = value as Readonly<Record<string, unknown>>;
  return { ...fields, [key]: replaced(fields[key], rest, leaf) };
}
