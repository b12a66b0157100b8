import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildBinaries, isBuilt } from "../cluster/binaries.ts";
import { binary } from "../cluster/cache.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { runEngine } from "../cluster/engine.ts";
import { onPath } from "../cluster/run.ts";
import { toYaml } from "./examples.ts";
import { kubectl } from "./kubectl.ts";
import type { Progress } from "./progress.ts";
import { FIRST } from "./releases.ts";

const IMAGE = "local/hmn-e2e-store:1";
const NAME = "store";
const PORT = 7070;
const ACCESS = { id: "hmn", secret: "hmn-e2e-secret" };

/** What a spec says of the store, and Secrets in the same namespace. */
export const STORE = { bucket: "backups", credentialsSecret: "store-credentials", keySecret: "backup-key" };
export const storeTarget = (namespace: string) => ({
  s3: {
    ...{ bucket: STORE.bucket, prefix: "e2e", credentialsSecret: STORE.credentialsSecret },
    endpoint: `http://${NAME}.${namespace}.svc:${PORT}`,
  },
});

/** Why no store can be run here; undefined where one can. */
export async function storeFault(cluster: Cluster): Promise<string | undefined> {
  if (cluster.engine === undefined) return "no engine builds the store's image here";
  return isBuilt("versitygw") || (await onPath("go")) ? undefined : "the store is built with Go, which is not here";
}

/** An S3 store that checks signatures (Versity's gateway) in a pod, with a bucket; and the Secrets to reach it and to seal with. */
export async function startStore(cluster: Cluster, namespace: string, progress: Progress): Promise<void> {
  await buildImage(cluster, progress);
  await kubectl(cluster, ["apply", "-f", "-"], { input: toYaml(manifests(namespace)) });
  await kubectl(cluster, ["-n", namespace, "rollout", "status", `deployment/${NAME}`, "--timeout=180s"], {
    timeoutMs: 200_000,
  });
}

async function buildImage({ engine, loadImages }: Cluster, progress: Progress): Promise<void> {
  if (engine === undefined) throw new Error("no engine builds the store's image here");
  await buildBinaries(["versitygw"], progress);
  const context = mkdtempSync(join(tmpdir(), "hmn-store-"));
  try {
    copyFileSync(binary("versitygw"), join(context, "versitygw"));
    const file = join(context, "Dockerfile");
    writeFileSync(file, `FROM ${FIRST.image}\nCOPY versitygw /usr/local/bin/versitygw\n`);
    await runEngine(engine, ["build", "--quiet", "--force-rm", `--tag=${IMAGE}`, `--file=${file}`, context]);
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
  await loadImages([IMAGE], progress);
}

function manifests(namespace: string) {
  const labels = { "app.kubernetes.io/name": "hmn-store" };
  const metadata = (name: string) => ({ name, namespace });
  // The image has no shell. A bucket of this backend is a folder.
  const prepare = `for (const name of ["buckets/${STORE.bucket}", "sidecar"]) require("node:fs").mkdirSync("/data/" + name, { recursive: true })`;
  const serve = ["--access", ACCESS.id, "--secret", ACCESS.secret, "--port", `:${PORT}`, "posix"];
  const locks = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
  const container = {
    ...{ image: IMAGE, imagePullPolicy: "IfNotPresent", securityContext: locks },
    resources: { requests: { cpu: "50m", memory: "64Mi" }, limits: { memory: "256Mi" } },
    volumeMounts: [{ name: "data", mountPath: "/data" }],
  };
  return [
    {
      ...{ apiVersion: "v1", kind: "Secret", metadata: metadata(STORE.credentialsSecret) },
      stringData: { AWS_ACCESS_KEY_ID: ACCESS.id, AWS_SECRET_ACCESS_KEY: ACCESS.secret },
    },
    {
      ...{ apiVersion: "v1", kind: "Secret", metadata: metadata(STORE.keySecret) },
      stringData: { key: "5a".repeat(32) },
    },
    {
      ...{ apiVersion: "v1", kind: "Service", metadata: metadata(NAME) },
      spec: { selector: labels, ports: [{ port: PORT }] },
    },
    {
      ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: metadata(NAME) },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            securityContext: { runAsNonRoot: true, fsGroup: 10001, seccompProfile: { type: "RuntimeDefault" } },
            initContainers: [{ ...container, name: "bucket", command: ["node", "-e", prepare] }],
            containers: [
              {
                ...{ ...container, name: NAME },
                command: ["/usr/local/bin/versitygw", ...serve, "--sidecar", "/data/sidecar", "/data/buckets"],
                readinessProbe: { tcpSocket: { port: PORT }, periodSeconds: 1 },
              },
            ],
            volumes: [{ name: "data", emptyDir: {} }],
          },
        },
      },
    },
  ];
}
