import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Progress } from "../kit/progress.ts";
import { BIN, cacheFolder, cachePath } from "./cache.ts";
import { must } from "./run.ts";

/** The version of Kubernetes that `modules/kubernetes/go.mod` pins. */
export const KUBERNETES_VERSION = "1.37.2";
/** The version that `modules/kubernetes-1.35/go.mod` pins. */
const OLDER_VERSION = "1.35.4";

type Recipe = {
  /** A folder of `modules/`: its go.mod and go.sum pin every source. */
  readonly module: string;
  /** Import paths; each makes a program named after its last part that is not a version, or as `name` says. */
  readonly packages: readonly string[];
  readonly name?: string;
  readonly linkerFlags?: string;
  /** A folder of the cache, where programs of this name lie that are another version's. */
  readonly folder?: string;
};

/** What Kubernetes' programs say of their version; without it they take themselves for an unknown one. */
function versionFlags(version: string): string {
  const [major, minor] = version.split(".");
  return Object.entries({ gitVersion: `v${version}`, gitMajor: major, gitMinor: minor })
    .map(([variable, value]) => `-X k8s.io/component-base/version.${variable}=${value}`)
    .join(" ");
}

const RECIPES = {
  kind: { module: "kind", packages: ["sigs.k8s.io/kind"] },
  containerd: {
    module: "containerd",
    packages: ["containerd", "containerd-shim-runc-v2", "ctr"].map(
      (name) => `github.com/containerd/containerd/v2/cmd/${name}`,
    ),
    linkerFlags: "-X github.com/containerd/containerd/v2/version.Version=2.4.2",
  },
  kubernetes: {
    module: "kubernetes",
    packages: [
      "kube-apiserver",
      "kube-controller-manager",
      "kube-scheduler",
      "kube-proxy",
      "kubelet",
      "kubeadm",
      "kubectl",
    ].map((name) => `k8s.io/kubernetes/cmd/${name}`),
    linkerFlags: versionFlags(KUBERNETES_VERSION),
  },
  "kubernetes-1.35": {
    module: "kubernetes-1.35",
    packages: ["kube-apiserver", "kube-controller-manager", "kube-scheduler"].map(
      (name) => `k8s.io/kubernetes/cmd/${name}`,
    ),
    linkerFlags: versionFlags(OLDER_VERSION),
    folder: "bin-1.35",
  },
  etcd: { module: "kubernetes", packages: ["go.etcd.io/etcd/server/v3"], name: "etcd" },
  coredns: { module: "coredns", packages: ["github.com/coredns/coredns"] },
  "local-path": { module: "local-path", packages: ["github.com/rancher/local-path-provisioner"] },
  helm: { module: "helm", packages: ["helm.sh/helm/v4/cmd/helm"] },
  kwok: { module: "kwok", packages: ["sigs.k8s.io/kwok/cmd/kwok"] },
  // A store that speaks S3 and checks signatures, for the backups' test.
  versitygw: { module: "versitygw", packages: ["github.com/versity/versitygw/cmd/versitygw"] },
} as const satisfies Record<string, Recipe>;

export type Built = keyof typeof RECIPES;

/** What a node of the built cluster, and the API server alone, are made of. */
export const FOR_KIND = [
  "kind",
  "containerd",
  "kubernetes",
  "etcd",
  "coredns",
  "local-path",
] as const satisfies readonly Built[];
export const FOR_API = ["kubernetes", "etcd", "kwok"] as const satisfies readonly Built[];

/** Minors of Kubernetes that the API server alone can be of, and the recipe of those that lie apart from the one of `modules/kubernetes`. */
export const KUBERNETES_MINORS = { "1.37": undefined, "1.35": "kubernetes-1.35" } as const satisfies Record<
  string,
  Built | undefined
>;
export type KubernetesMinor = keyof typeof KUBERNETES_MINORS;
export const isMinor = (text: string): text is KubernetesMinor => Object.hasOwn(KUBERNETES_MINORS, text);

const MODULES = join(import.meta.dirname, "modules");
/** Where a recipe's programs lie in the cache. */
export const binFolderOf = (built: Built): string => (RECIPES[built] as Recipe).folder ?? BIN;
const binFolder = (built: Built): string => join(cacheFolder(), binFolderOf(built));
const stampPath = (built: Built): string => cachePath(binFolderOf(built), `.${built}.stamp`);

function programsOf(recipe: Recipe): readonly string[] {
  if (recipe.name !== undefined) return [recipe.name];
  return recipe.packages.map((path) => path.split("/").at(-1) ?? path);
}

/** Changes when what would be built changes. */
export function inputsHash(built: Built): string {
  const recipe: Recipe = RECIPES[built];
  const hash = createHash("sha256").update(JSON.stringify(recipe));
  for (const file of ["go.mod", "go.sum"]) hash.update(readFileSync(join(MODULES, recipe.module, file)));
  return hash.digest("hex");
}

export function isBuilt(built: Built): boolean {
  const stamp = stampPath(built);
  return (
    existsSync(stamp) &&
    readFileSync(stamp, "utf8") === inputsHash(built) &&
    programsOf(RECIPES[built]).every((name) => existsSync(join(binFolder(built), name)))
  );
}

/** Builds what is missing or out of date. One after the other: Go uses every core by itself. */
export async function buildBinaries(wanted: readonly Built[], progress: Progress): Promise<void> {
  for (const built of wanted) if (!isBuilt(built)) await build(built, progress);
}

async function build(built: Built, progress: Progress): Promise<void> {
  const recipe: Recipe = RECIPES[built];
  const draft = cachePath("draft", built);
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  const started = Date.now();
  let compiled = 0;
  progress.detail(`building ${built} from Go modules`);
  const output = recipe.name === undefined ? `${draft}/` : join(draft, recipe.name);
  const linkerFlags = ["-s -w", recipe.linkerFlags ?? ""].join(" ").trim();
  await must("go", ["build", "-v", "-trimpath", "-ldflags", linkerFlags, "-o", output, ...recipe.packages], {
    cwd: join(MODULES, recipe.module),
    env: { CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false" },
    onLine: (line) => {
      if (line.startsWith("go: ")) return progress.detail(`building ${built}: ${line.slice(4)}`);
      compiled += 1;
      progress.detail(`building ${built}: ${compiled} packages compiled, now ${line}`);
    },
  });
  // Renamed and not copied: a program that still runs keeps its old file.
  mkdirSync(binFolder(built), { recursive: true });
  for (const name of readdirSync(draft)) renameSync(join(draft, name), join(binFolder(built), name));
  rmSync(draft, { recursive: true, force: true });
  writeFileSync(stampPath(built), inputsHash(built));
  progress.say(`built ${programsOf(recipe).join(", ")} in ${Math.round((Date.now() - started) / 1000)} s`);
}
