import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Progress } from "../kit/progress.ts";
import { FOR_KIND, inputsHash, KUBERNETES_VERSION } from "./binaries.ts";
import { cacheFolder, cachePath } from "./cache.ts";
import { type Engine, hasImage, runEngine, tryEngine } from "./engine.ts";
import { nodeRootFs, runtimeRootFs } from "./rootfs.ts";

/** What a built node is made of: a Debian image, and folders of this machine that kind mounts into each node, read-only. */
export type NodeKit = {
  readonly image: string;
  readonly mounts: readonly { readonly hostPath: string; readonly containerPath: string; readonly readOnly: true }[];
  /** The folder in use below `preload/` of the cache. */
  readonly preload: string;
  /** Changes when a cluster that was made from an earlier kit must be made anew. */
  readonly hash: string;
};

const REGISTRY = "registry.k8s.io";
/** The tags that kubeadm of KUBERNETES_VERSION asks for; the programs are those of `modules/`. */
const COMPONENTS = [
  { tag: `${REGISTRY}/kube-apiserver:v${KUBERNETES_VERSION}`, programs: ["kube-apiserver"] },
  { tag: `${REGISTRY}/kube-controller-manager:v${KUBERNETES_VERSION}`, programs: ["kube-controller-manager"] },
  { tag: `${REGISTRY}/kube-scheduler:v${KUBERNETES_VERSION}`, programs: ["kube-scheduler"] },
  { tag: `${REGISTRY}/etcd:3.7.0-0`, programs: ["etcd"] },
  { tag: `${REGISTRY}/coredns/coredns:v1.14.6`, programs: ["coredns"], entrypoint: "coredns" },
  { tag: "local/local-path:1", programs: ["local-path-provisioner"], entrypoint: "local-path-provisioner" },
] as const;
const KUBE_PROXY = `${REGISTRY}/kube-proxy:v${KUBERNETES_VERSION}`;
const PODNET = "local/podnet:1";
const PAUSE = `${REGISTRY}/pause:3.10.2`;

const OWN_FILES = join(import.meta.dirname, "node");

/** Makes what is missing. The engine runs, and the programs are built. */
export async function makeNodeKit(engine: Engine, progress: Progress): Promise<NodeKit> {
  const rootfs = await nodeRootFs(progress);
  const image = `local/hmn-kind-node:${rootfs.hash}`;
  const baseImage = await importBaseImage(engine, progress);
  if (!(await hasImage(engine, image))) {
    progress.detail("bringing the node's root file system into the engine");
    await runEngine(engine, ["import", "--change", 'ENTRYPOINT ["/kit/entrypoint"]', rootfs.path, image]);
  }

  const kit = cachePath("kit");
  mkdirSync(kit, { recursive: true });
  cpSync(OWN_FILES, kit, { recursive: true });
  writeFileSync(join(kit, "version"), `v${KUBERNETES_VERSION}\n`);

  // What is unpacked once for all nodes; of the kit's own files only one goes into an image.
  const unpacked = createHash("sha256").update(image).update(baseImage).update(JSON.stringify(COMPONENTS));
  for (const built of FOR_KIND) unpacked.update(inputsHash(built));
  unpacked.update(readFileSync(join(OWN_FILES, "podnet")));
  const preload = cachePath("preload", unpacked.digest("hex").slice(0, 12));
  if (!existsSync(join(preload, "done"))) await makePreload({ engine, image, baseImage, preload, progress });
  const hash = createHash("sha256").update(preload);
  for (const file of readdirSync(OWN_FILES).toSorted()) hash.update(readFileSync(join(OWN_FILES, file)));
  return {
    image,
    preload: basename(preload),
    hash: hash.digest("hex"),
    mounts: [
      { hostPath: kit, containerPath: "/kit", readOnly: true },
      { hostPath: join(cacheFolder(), "bin"), containerPath: "/usr/local/bin", readOnly: true },
      { hostPath: preload, containerPath: "/preload", readOnly: true },
    ],
  };
}

/** The image that ours are built on where no registry can be reached: Debian's libraries and this project's Node. */
export async function importBaseImage(engine: Engine, progress: Progress): Promise<string> {
  const runtime = await runtimeRootFs(progress);
  const image = `local/hmn-base:${runtime.hash}`;
  if (await hasImage(engine, image)) return image;
  progress.detail("bringing the base of our images into the engine");
  await runEngine(engine, ["import", "--change", "ENV PATH=/usr/local/bin:/usr/bin:/bin", runtime.path, image]);
  return image;
}

/** What no node mounts any more; called while no cluster is up. */
export function dropOldPreloads(kit: NodeKit): void {
  const folder = join(cacheFolder(), "preload");
  for (const name of readdirSync(folder))
    if (name !== kit.preload) rmSync(join(folder, name), { recursive: true, force: true });
}

type Preloading = {
  readonly engine: Engine;
  readonly image: string;
  readonly baseImage: string;
  readonly preload: string;
  readonly progress: Progress;
};

async function makePreload({ engine, image, baseImage, preload, progress }: Preloading): Promise<void> {
  const images = cachePath("draft", "images");
  rmSync(images, { recursive: true, force: true });
  rmSync(preload, { recursive: true, force: true });
  mkdirSync(images, { recursive: true });
  mkdirSync(preload, { recursive: true });

  const build = async (tag: string, dockerfile: readonly string[], files: readonly string[]): Promise<void> => {
    progress.detail(`making the cluster's own images: ${tag}`);
    const context = cachePath("draft", "context");
    rmSync(context, { recursive: true, force: true });
    mkdirSync(context, { recursive: true });
    for (const file of files) cpSync(file, join(context, file.split("/").at(-1) ?? file));
    writeFileSync(join(context, "Dockerfile"), `${dockerfile.join("\n")}\n`);
    await runEngine(engine, ["build", "--quiet", "--force-rm", "--tag", tag, context]);
    rmSync(context, { recursive: true, force: true });
  };
  const program = (name: string): string => join(cacheFolder(), "bin", name);
  for (const component of COMPONENTS) {
    const start = "entrypoint" in component ? [`ENTRYPOINT ["/usr/local/bin/${component.entrypoint}"]`] : [];
    const copy = component.programs.map((name) => `COPY ${name} /usr/local/bin/`);
    await build(component.tag, ["FROM scratch", ...copy, ...start], component.programs.map(program));
  }
  await build(
    KUBE_PROXY,
    [`FROM ${image}`, "ENTRYPOINT []", "COPY kube-proxy /usr/local/bin/"],
    [program("kube-proxy")],
  );
  await build(PODNET, [`FROM ${image}`, "COPY podnet /", 'ENTRYPOINT ["/podnet"]'], [join(OWN_FILES, "podnet")]);
  const install = 'RUN ["/bin/busybox", "--install", "-s", "/bin"]';
  await build(
    PAUSE,
    ["FROM scratch", "COPY busybox /bin/", install, 'CMD ["/bin/sleep", "infinity"]'],
    ["/bin/busybox"],
  );

  progress.detail("unpacking the cluster's own images, once for all nodes");
  const tags = [...COMPONENTS.map((component) => component.tag), KUBE_PROXY, PODNET, PAUSE];
  await runEngine(engine, ["save", "--output", join(images, "all.tar"), ...tags, baseImage]);
  const bind = (from: string, to: string): string[] => ["--volume", `${from}:${to}`];
  await runEngine(engine, [
    ...["run", "--rm", "--privileged", "--network=none", "--entrypoint=/kit/preload"],
    ...bind(cachePath("kit"), "/kit:ro"),
    ...bind(join(cacheFolder(), "bin"), "/usr/local/bin:ro"),
    ...bind(images, "/images:ro"),
    ...bind(preload, "/var/lib/containerd"),
    image,
  ]);
  // They live on in the preload folder; the engine's copies would only fill the disk.
  await tryEngine(engine, ["image", "rm", "--force", ...tags]);
  await tryEngine(engine, ["image", "prune", "--force"]);
  rmSync(images, { recursive: true, force: true });
  writeFileSync(join(preload, "done"), "");
}
