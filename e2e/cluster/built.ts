import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Progress } from "../kit/progress.ts";
import { buildBinaries, FOR_KIND } from "./binaries.ts";
import { binary, cachePath } from "./cache.ts";
import type { Cluster } from "./cluster.ts";
import type { Engine } from "./engine.ts";
import { createCluster, deleteCluster, isUp, type KindSetup, kindCluster, kindConfig, waitUntilReady } from "./kind.ts";
import { takeLock } from "./lock.ts";
import { dropOldPreloads, importBaseImage, makeNodeKit, type NodeKit } from "./node-kit.ts";
import { installPackages } from "./packages.ts";
import { ensureRelays, stopRelays } from "./relays.ts";
import { nodeRootFs } from "./rootfs.ts";
import { isEngineUp, sealedEngine, startEngine, stopEngine } from "./sealed.ts";
import { rememberCluster, rememberProvider } from "./state.ts";

/** The API server's port inside the sealed network, where nobody else uses ports. */
const INNER_PORT = 6443;

/** The engine of the built provider with the base of our images in it; started, and what it needs installed, if it is not. */
export async function readyEngine(progress: Progress): Promise<Engine> {
  const release = await takeLock(progress);
  try {
    rememberProvider("kind-built");
    await installPackages(progress);
    await startEngine(progress);
    return sealedEngine(await importBaseImage(sealedEngine(), progress));
  } finally {
    release();
  }
}

/** kind on nodes that were built here, in a network without a way out. */
export async function startBuilt(workers: number, progress: Progress): Promise<Cluster> {
  const { engine, kit } = await prepare(progress);
  const config = kindConfig({
    workers,
    apiServerPort: INNER_PORT,
    mounts: kit.mounts,
    kubelet: { cgroupDriver: "cgroupfs", resolvConf: "/kind/resolv.conf" },
  });
  const kubeconfig = cachePath("kubeconfig");
  const madeFrom = createHash("sha256").update(config).update(kit.hash).digest("hex");
  const setup: KindSetup = { engine, image: kit.image, config, madeFrom, kubeconfig, kubectlPath: binary("kubectl") };
  const cluster = kindCluster(setup, "kind-built");
  await pointHere(kubeconfig, progress);
  if (!(await isUp(setup, workers, progress))) {
    rememberCluster({ provider: "kind-built" });
    await createCluster(setup, progress);
    dropOldPreloads(kit);
    await pointHere(kubeconfig, progress);
  }
  await waitUntilReady(cluster, workers, progress);
  rememberCluster({ provider: "kind-built", madeFrom });
  return cluster;
}

async function prepare(progress: Progress): Promise<{ engine: Engine; kit: NodeKit }> {
  await installPackages(progress);
  // Debian's mirror and the compilers keep different parts of the machine busy.
  const engineReady = (async () => {
    const engine = await readyEngine(progress);
    await nodeRootFs(progress);
    return engine;
  })();
  const [engine] = await Promise.all([engineReady, buildBinaries(FOR_KIND, progress)]);
  return { engine, kit: await makeNodeKit(engine, progress) };
}

/** Makes the API server visible on this machine's loopback and the kubeconfig name that port. */
async function pointHere(kubeconfig: string, progress: Progress): Promise<void> {
  const port = await ensureRelays(INNER_PORT, progress);
  if (!existsSync(kubeconfig)) return;
  const before = readFileSync(kubeconfig, "utf8");
  const after = before.replace(/server: https:\/\/127\.0\.0\.1:[0-9]+/, `server: https://127.0.0.1:${port}`);
  if (after !== before) writeFileSync(kubeconfig, after, { mode: 0o600 });
}

export async function stopBuilt(progress: Progress): Promise<void> {
  await stopRelays();
  if (await isEngineUp()) await deleteCluster(sealedEngine(), progress);
  progress.detail("stopping the engine");
  await stopEngine(progress);
}
