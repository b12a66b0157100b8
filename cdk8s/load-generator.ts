import { k8s } from "cdk8s-plus-27";
import { Construct } from "constructs";

export type LoadGeneratorProps = {
  readonly name: string;
  readonly image: string;
  /** host:port/servername of each validator. */
  readonly targets: readonly string[];
  readonly caConfigMap: string;
  /** Account that pays, and the secret seed of its key: 64 hexadecimal digits. Only for keys that may be known to all. */
  readonly treasury: { readonly account: string; readonly publishedSeed: string };
  readonly accounts: number;
  readonly batchesPerSecond: number;
  readonly transfersPerBatch: number;
};

const UID = 10_001;

/**
 * Clients that send signed transfers at a fixed rate and write down every answer under /history, one Pod of them: the
 * history is one story, so there is never a second writer beside it.
 */
export class LoadGenerator extends Construct {
  constructor(scope: Construct, id: string, props: LoadGeneratorProps) {
    super(scope, id);
    const { name } = props;
    const labels = { "app.kubernetes.io/name": "hmn-load", "app.kubernetes.io/instance": name };
    const secret = `${name}-demo-treasury`;

    new k8s.KubeServiceAccount(this, "account", { metadata: { name, labels }, automountServiceAccountToken: false });
    new k8s.KubeSecret(this, "seed", {
      metadata: {
        name: secret,
        labels,
        annotations: {
          "hmn.dev/warning": "Published demo key: everybody has it. Never fund its account with anything of value.",
        },
      },
      stringData: { seed: props.treasury.publishedSeed },
    });
    new k8s.KubeDeployment(this, "deployment", {
      metadata: { name, labels },
      spec: {
        replicas: 1,
        strategy: { type: "Recreate" },
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            serviceAccountName: name,
            automountServiceAccountToken: false,
            // On SIGTERM it waits up to 20 s for what is still unanswered.
            terminationGracePeriodSeconds: 40,
            securityContext: {
              runAsNonRoot: true,
              runAsUser: UID,
              runAsGroup: UID,
              fsGroup: UID,
              seccompProfile: { type: "RuntimeDefault" },
            },
            containers: [container(props, secret)],
            volumes: [
              { name: "ca", configMap: { name: props.caConfigMap } },
              { name: "history", emptyDir: { sizeLimit: k8s.Quantity.fromString("1Gi") } },
            ],
          },
        },
      },
    });
  }
}

function container(props: LoadGeneratorProps, secret: string): k8s.Container {
  const flags: readonly (readonly [string, string | number])[] = [
    ["--targets", props.targets.join(",")],
    ["--ca", "/etc/hmn/ca/ca.crt"],
    // The kubelet puts the variable in.
    ["--seed", "$(HMN_TREASURY_SEED)"],
    ["--treasury", props.treasury.account],
    ["--accounts", props.accounts],
    ["--rate", props.batchesPerSecond],
    ["--batch", props.transfersPerBatch],
    ["--history", "/history/load.jsonl"],
  ];
  return {
    name: "load",
    image: props.image,
    imagePullPolicy: "IfNotPresent",
    args: ["load", ...flags.map(([flag, value]) => `${flag}=${value}`)],
    env: [{ name: "HMN_TREASURY_SEED", valueFrom: { secretKeyRef: { name: secret, key: "seed" } } }],
    resources: {
      requests: { cpu: k8s.Quantity.fromString("100m"), memory: k8s.Quantity.fromString("128Mi") },
      limits: { cpu: k8s.Quantity.fromString("500m"), memory: k8s.Quantity.fromString("256Mi") },
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: [
      { name: "ca", mountPath: "/etc/hmn/ca", readOnly: true },
      { name: "history", mountPath: "/history" },
    ],
  };
}
