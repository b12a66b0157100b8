import { Chart, Testing } from "cdk8s";
import { k8s } from "cdk8s-plus-27";
import { PORTS } from "../node/api/contract.ts";
import { toHex } from "../node/base/bytes.ts";
import { sha256 } from "../node/codec/hash.ts";
import { keyPairFromSeed } from "../node/codec/signature.ts";
import { HmnCluster } from "./hmn-cluster.ts";
import { LoadGenerator } from "./load-generator.ts";
import { chartYaml } from "./yaml.ts";

const NAMESPACE = "hmn-demo";
const VERSION = "1.0.0";
const IMAGE = `local/hmn-node:${VERSION}`;

/** 2^64 + 1: smaller ids belong to the system. */
const TREASURY = "18446744073709551617";
/** Anybody can compute it, so that the example works as it stands. */
const PUBLISHED_SEED = sha256(new TextEncoder().encode("hmn demo treasury"));

const WRITTEN_BY = "Written by `npm run generate` from cdk8s/demo.ts.";

/** The examples: path from the root of the repository → text. */
export function exampleFiles(): ReadonlyMap<string, string> {
  const app = Testing.app();
  const chart = new Chart(app, "four-validators", { disableResourceNameHashes: true });
  new k8s.KubeNamespace(chart, "namespace", {
    metadata: { name: NAMESPACE, labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
  });
  const cluster = new HmnCluster(chart, "payments", {
    metadata: { name: "payments", namespace: NAMESPACE },
    spec: {
      version: VERSION,
      image: { reference: IMAGE, pullPolicy: "IfNotPresent" },
      network: "payments",
      validators: { replicas: 4 },
      genesis: {
        accounts: [
          {
            id: TREASURY,
            ownerPublicKey: toHex(keyPairFromSeed(PUBLISHED_SEED).publicKey),
            token: "FLX",
            balance: "1000000000000000",
          },
        ],
      },
      storage: { size: "256Mi", retention: "Delete" },
      resources: { cpu: "1", memory: "256Mi" },
      serviceLevels: { latencyP95Millis: 2500, voteDelayP95Millis: 1000 },
      rollout: {
        phases: [
          { percent: 20, soakSeconds: 12 },
          { percent: 80, soakSeconds: 12 },
          { percent: 100, soakSeconds: 12 },
        ],
        observeSeconds: 4,
        settleSeconds: 3,
        intervalSeconds: 4,
        failureLimit: 2,
        minimumSamples: 10,
        progressDeadlineSeconds: 180,
      },
    },
  });

  const load = new Chart(app, "load", { namespace: NAMESPACE, disableResourceNameHashes: true });
  new LoadGenerator(load, "load", {
    name: "payments-load",
    image: IMAGE,
    targets: cluster.targets(NAMESPACE, PORTS.client),
    caConfigMap: cluster.caConfigMap,
    treasury: { account: TREASURY, publishedSeed: toHex(PUBLISHED_SEED) },
    accounts: 100,
    batchesPerSecond: 20,
    transfersPerBatch: 10,
  });

  return new Map([
    [
      "docs/examples/four-validators.yaml",
      chartYaml(chart, {
        head: [
          WRITTEN_BY,
          "",
          "Four validators: the smallest network that tolerates a faulty one.",
          "Sizes and times are for a small shared machine (2 cores for everything); the remarks say where to go from here.",
        ],
        fields: {
          "spec.version": "Of the release, as built into the image. Changing both is an upgrade.",
          "spec.network": "Part of the genesis and of every certificate: cannot be changed later.",
          "spec.genesis":
            'One treasury, owned by a published demo key: the seed is the SHA-256 of the text "hmn demo treasury".',
          "spec.storage": "Retain keeps volumes, and the vote keys on them, when the HmnCluster is deleted.",
          "spec.resources": "Requests equal limits. For real load start with 2 cores and 4Gi.",
          "spec.serviceLevels":
            "What a release is judged against. On hosts of their own, 50 and 500 ms are reasonable.",
          "spec.rollout": "20, then 80, then 100 %. Elsewhere soak for minutes, not seconds.",
        },
      }),
    ],
    [
      "docs/examples/load.yaml",
      chartYaml(load, {
        head: [
          WRITTEN_BY,
          "",
          "Clients for the cluster of four-validators.yaml: 20 signed batches of 10 transfers a second, every answer kept.",
        ],
      }),
    ],
  ]);
}
