import { stringify } from "yaml";
import type { Cluster } from "../cluster/cluster.ts";
import { kubectl } from "../kit/kubectl.ts";
import type { Progress } from "../kit/progress.ts";

/**
 * Volumes that can be filled without harming the machine: on each worker a file system in memory, offered as a local
 * volume. Whatever fills one fills nothing else, and the node meets a real ENOSPC.
 */
export const SMALL_CLASS = "hmn-e2e-small";
const SIZE_MIB = 64;
const FOLDER = "/mnt/hmn-e2e-small";
const FILLER = `${FOLDER}/filler`;

type Exec = NonNullable<Cluster["exec"]>;

async function must(exec: Exec, worker: string, command: readonly string[]): Promise<void> {
  const { code, stderr } = await exec(worker, command);
  if (code !== 0) throw new Error(`${command.join(" ")} failed on ${worker}: ${stderr.trim()}`);
}

/** Class and volumes anew; nothing of an earlier run is left on them. */
export async function prepareSmallVolumes(cluster: Cluster, exec: Exec, progress: Progress): Promise<void> {
  const workers = await cluster.workers();
  await kubectl(cluster, ["delete", "pv", "-l", `${SMALL_CLASS}=true`, "--ignore-not-found", "--timeout=60s"]);
  for (const worker of workers) {
    progress.detail(`a volume of ${SIZE_MIB} MiB on ${worker}`);
    await must(exec, worker, ["mkdir", "-p", FOLDER]);
    await exec(worker, ["umount", FOLDER]);
    await must(exec, worker, ["mount", "-t", "tmpfs", "-o", `size=${SIZE_MIB}m,mode=0777`, "tmpfs", FOLDER]);
  }
  const manifests = [storageClass, ...workers.map(volume)].map((object) => stringify(object)).join("---\n");
  await kubectl(cluster, ["apply", "-f", "-"], { input: manifests });
}

/** Takes what is left of the volume on that worker. */
export async function fill(exec: Exec, worker: string): Promise<void> {
  // dd ends with an error when nothing is left: that is the purpose.
  await exec(worker, ["dd", "if=/dev/zero", `of=${FILLER}`, "bs=64k"]);
}

export const unfill = (exec: Exec, worker: string): Promise<void> => must(exec, worker, ["rm", "-f", FILLER]);

export async function removeSmallVolumes(cluster: Cluster, exec: Exec): Promise<void> {
  await kubectl(cluster, ["delete", "pv", "-l", `${SMALL_CLASS}=true`, "--ignore-not-found", "--wait=false"]);
  await kubectl(cluster, ["delete", "storageclass", SMALL_CLASS, "--ignore-not-found"]);
  for (const worker of await cluster.workers()) await exec(worker, ["umount", "-l", FOLDER]);
}

const storageClass = {
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: { name: SMALL_CLASS },
  provisioner: "kubernetes.io/no-provisioner",
  volumeBindingMode: "WaitForFirstConsumer",
};

const volume = (worker: string) => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name: `${SMALL_CLASS}-${worker}`, labels: { [SMALL_CLASS]: "true" } },
  spec: {
    capacity: { storage: "256Mi" },
    accessModes: ["ReadWriteOnce"],
    persistentVolumeReclaimPolicy: "Retain",
    storageClassName: SMALL_CLASS,
    local: { path: FOLDER },
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [
          { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [worker] }] },
        ],
      },
    },
  },
});
