import { existsSync } from "node:fs";
import { sleep } from "../kit/duration.ts";
import type { Progress } from "../kit/progress.ts";
import { found, instead, waitFor } from "../kit/wait.ts";
import { buildBinaries } from "./binaries.ts";
import { binary, cachePath } from "./cache.ts";
import { STOCK_NODE_IMAGE } from "./choose.ts";
import type { Cluster } from "./cluster.ts";
import { type Engine, findEngine, tryEngine } from "./engine.ts";
import { findKubectl, kubectlParts } from "./kubectl.ts";
import { loadImages } from "./loading.ts";
import { CommandFailed, onPath, run } from "./run.ts";
import { recallCluster, rememberCluster } from "./state.ts";

export const CLUSTER_NAME = "hmn";
const READY_MS = 180_000;
const ANSWER_MS = 20_000;

/** kind's configuration; JSON is YAML. Workers are labelled as one zone each. */
export type KindConfig = {
  readonly workers: number;
  readonly apiServerPort?: number;
  readonly mounts?: readonly unknown[];
  /** Lines of a KubeletConfiguration patch beside those that every cluster of ours has. */
  readonly kubelet?: Readonly<Record<string, unknown>>;
};

export function kindConfig({ workers, apiServerPort, mounts = [], kubelet = {} }: KindConfig): string {
  const node = { extraMounts: mounts };
  return JSON.stringify({
    kind: "Cluster",
    apiVersion: "kind.x-k8s.io/v1alpha4",
    name: CLUSTER_NAME,
    networking: { apiServerAddress: "127.0.0.1", ...(apiServerPort === undefined ? {} : { apiServerPort }) },
    nodes: [
      { role: "control-plane", ...node },
      ...Array.from({ length: workers }, (_, index) => ({
        role: "worker",
        labels: { "topology.kubernetes.io/zone": `z${index + 1}` },
        ...node,
      })),
    ],
    kubeadmConfigPatches: [
      JSON.stringify({
        kind: "KubeletConfiguration",
        apiVersion: "kubelet.config.k8s.io/v1beta1",
        // Kubernetes 1.35 and newer refuse cgroup v1 unless told otherwise.
        failCgroupV1: false,
        ...kubelet,
      }),
    ],
  });
}

/** How the two providers that use kind differ. */
export type KindSetup = {
  readonly engine: Engine;
  readonly image: string;
  readonly config: string;
  /** Changes when a cluster that is up has to be made anew. */
  readonly madeFrom: string;
  readonly kubeconfig: string;
  readonly kubectlPath: string;
};

/** Programs of the engine's family find it by their environment. */
async function kind(
  engine: Engine,
  args: readonly string[],
  options: { input?: string; onLine?: (line: string) => void } = {},
) {
  const program = (await onPath("kind")) && !existsSync(binary("kind")) ? "kind" : binary("kind");
  const env = { ...engine.env, ...(engine.program === "podman" ? { KIND_EXPERIMENTAL_PROVIDER: "podman" } : {}) };
  // A run that is killed outright takes its kind with it, or the next run would meet one that still creates nodes.
  if (await onPath("setpriv")) return run("setpriv", ["--pdeathsig", "KILL", program, ...args], { ...options, env });
  return run(program, args, { ...options, env });
}

/** Creates the cluster from nothing; what is there under its name goes first. Returns when every node is Ready. */
export async function createCluster(setup: KindSetup, progress: Progress): Promise<void> {
  await deleteCluster(setup.engine, progress);
  const started = Date.now();
  progress.detail("kind creates the cluster");
  const args = ["create", "cluster", "--config=-", `--image=${setup.image}`, `--kubeconfig=${setup.kubeconfig}`];
  const created = await kind(setup.engine, args, {
    input: setup.config,
    onLine: (line) => {
      const text = line
        .replace(/[^\x20-\x7e]/g, "")
        .replace(/\.\.\.\s*$/, "")
        .trim();
      if (text !== "" && !/^(Set kubectl|You can now|kubectl cluster-info|Have a|Thanks|Not sure)/.test(text))
        progress.detail(`kind: ${text}`);
    },
  });
  if (created.code !== 0) throw new CommandFailed("kind create cluster", created);
  progress.say(`kind created the cluster in ${Math.round((Date.now() - started) / 1000)} s`);
}

export async function deleteCluster(engine: Engine, progress: Progress): Promise<void> {
  progress.detail("removing what is there of an earlier cluster");
  const deleted = await kind(engine, [
    "delete",
    "cluster",
    `--name=${CLUSTER_NAME}`,
    `--kubeconfig=${cachePath("kubeconfig")}`,
  ]);
  if (deleted.code !== 0) throw new CommandFailed("kind delete cluster", deleted);
}

export function kindCluster(setup: KindSetup, provider: "kind" | "kind-built"): Cluster {
  const parts = kubectlParts(setup.kubectlPath, setup.kubeconfig);
  return {
    name: CLUSTER_NAME,
    provider,
    ...parts,
    loadImages: async (references, progress) => loadImages(setup.engine, await parts.workers(), references, progress),
    exec: (worker, command) => tryEngine(setup.engine, ["exec", worker, ...command]),
    engine: setup.engine,
  };
}

/** Names of kind's containers of this cluster, with whether each runs. */
export async function nodeContainers(engine: Engine): Promise<readonly { name: string; running: boolean }[]> {
  const format = "{{.Names}} {{.State}}";
  const args = ["ps", "--all", "--filter", `label=io.x-k8s.kind.cluster=${CLUSTER_NAME}`, "--format", format];
  const listed = await tryEngine(engine, args);
  if (listed.code !== 0) throw new CommandFailed("listing the nodes' containers", listed);
  return listed.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => ({ name: line.split(" ")[0] ?? "", running: line.endsWith(" running") }));
}

/** Whether a cluster of these inputs is up: all its containers run, under their addresses, and its API server answers. */
export async function isUp(setup: KindSetup, workers: number, progress: Progress): Promise<boolean> {
  if (recallCluster()?.madeFrom !== setup.madeFrom || !existsSync(setup.kubeconfig)) return false;
  const containers = await nodeContainers(setup.engine);
  if (containers.length !== workers + 1 || !containers.every((container) => container.running)) return false;
  const parts = kubectlParts(setup.kubectlPath, setup.kubeconfig);
  // Its machines run: an API server that is silent for a moment (a relay or the engine was just started) is waited for.
  for (const end = Date.now() + ANSWER_MS; Date.now() < end; await sleep(500))
    if ((await parts.kubectl(["get", "--raw", "/readyz"], { timeoutMs: ANSWER_MS })).code === 0) {
      const moved = await movedNodes(setup, parts, containers);
      if (moved.length === 0) return true;
      progress.say(`the engine started ${moved.join(", ")} under another address; the cluster is made anew`);
      return false;
    }
  return false;
}

/** Nodes whose container has another address than the one they are registered with: an engine that starts hands them out anew. */
async function movedNodes(
  { engine }: KindSetup,
  { kubectl }: Pick<Cluster, "kubectl">,
  containers: readonly { readonly name: string }[],
): Promise<readonly string[]> {
  const registered = await kubectl([
    "get",
    "nodes",
    '--output=jsonpath={range .items[*]}{.metadata.name} {.status.addresses[?(@.type=="InternalIP")].address}{"\\n"}{end}',
  ]);
  if (registered.code !== 0) throw new CommandFailed("listing the nodes' addresses", registered);
  const names = containers.map(({ name }) => name);
  const format = "{{.Name}} {{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";
  const given = await tryEngine(engine, ["inspect", "--format", format, ...names]);
  if (given.code !== 0) throw new CommandFailed("reading the nodes' addresses", given);
  const words = (text: string) => text.split("\n").map((line) => line.replace(/^\//, "").split(" "));
  const addresses = new Map(words(given.stdout).map(([name, ...all]) => [name, all]));
  return words(registered.stdout)
    .filter(([name, address]) => name !== "" && address !== undefined && !addresses.get(name)?.includes(address))
    .map(([name]) => name ?? "");
}

/** Waits until every node is Ready and the cluster's own services are available. */
export async function waitUntilReady(cluster: Cluster, workers: number, progress: Progress): Promise<void> {
  await waitFor(
    "the cluster's nodes",
    async () => {
      const nodes = await cluster.kubectl([
        "get",
        "nodes",
        '--output=jsonpath={range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}',
      ]);
      const ready = nodes.stdout.split("\n").filter((line) => line.endsWith(" True")).length;
      return ready === workers + 1 ? found(true) : instead(`${ready} of ${workers + 1} Ready`);
    },
    { progress, timeoutMs: READY_MS },
  );
  await waitFor(
    "the cluster's own services",
    async () => {
      const wait = [
        "wait",
        "--namespace=kube-system",
        "--for=condition=Available",
        "deployments",
        "--all",
        "--timeout=2s",
      ];
      const answer = await cluster.kubectl(wait);
      return answer.code === 0 ? found(true) : instead((answer.stderr.trim().split("\n")[0] ?? "").slice(0, 120));
    },
    { progress, timeoutMs: READY_MS },
  );
}

/** The stock cluster on the user's own engine. */
export async function startKind(engine: Engine, workers: number, progress: Progress): Promise<Cluster> {
  if (!(await onPath("kind"))) await buildBinaries(["kind"], progress);
  const config = kindConfig({ workers });
  const setup = {
    engine,
    image: STOCK_NODE_IMAGE,
    config,
    madeFrom: config,
    kubeconfig: cachePath("kubeconfig"),
    kubectlPath: await findKubectl(),
  };
  const cluster = kindCluster(setup, "kind");
  if (!(await isUp(setup, workers, progress))) {
    rememberCluster({ provider: "kind" });
    await createCluster(setup, progress);
  }
  await waitUntilReady(cluster, workers, progress);
  rememberCluster({ provider: "kind", madeFrom: config });
  return cluster;
}

export async function stopKind(progress: Progress): Promise<void> {
  const engine = await findEngine();
  if (engine !== undefined) await deleteCluster(engine, progress);
}
