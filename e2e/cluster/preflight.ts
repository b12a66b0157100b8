import { existsSync, mkdirSync, readdirSync, readFileSync, statfsSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { FOR_KIND, isBuilt } from "./binaries.ts";
import { cacheFolder } from "./cache.ts";
import { onPath, run } from "./run.ts";

/** Something that a run would stumble over, told before it starts. */
export type Problem = { readonly missing: string; readonly remedy: string };

const GIB = 1024 ** 3;
const DISK_COLD = 20 * GIB;
const DISK_WARM = 8 * GIB;
const MEMORY = 6 * GIB;
/** Older ones cannot fetch the toolchain that a go.mod asks for (Go 1.21, "Forward compatibility"). */
const GO_MINOR = 21;

/** Root on Debian, with the kernel's help that an engine of our own needs. */
export function canBuild(): boolean {
  return process.platform === "linux" && process.getuid?.() === 0 && existsSync("/etc/debian_version");
}

/** Everything that is missing for this provider; empty when it can start. */
export async function preflight(provider: "kind" | "kind-built"): Promise<Problem[]> {
  const problems: Problem[] = [];
  const cold = provider === "kind-built" && !FOR_KIND.every(isBuilt);
  mkdirSync(cacheFolder(), { recursive: true });
  const disk = statfsSync(cacheFolder());
  const free = disk.bavail * disk.bsize;
  const needed = cold ? DISK_COLD : DISK_WARM;
  if (free < needed)
    problems.push({
      missing: `${gib(needed)} of disk for the ${cold ? "first build" : "cluster"}; ${gib(free)} are free beside ${cacheFolder()}`,
      remedy: "free some disk, or set XDG_CACHE_HOME to a folder on a larger one",
    });
  const memory = totalMemory();
  if (memory < MEMORY)
    problems.push({
      missing: `${gib(MEMORY)} of memory; this machine has ${gib(memory)}`,
      remedy: "use a larger machine",
    });
  if (provider === "kind" && !(await onPath("kind")) && !isBuilt("kind") && !(await hasGo()))
    problems.push({ missing: "kind", remedy: "install kind 0.33 or newer, or Go 1.21 or newer to build it" });
  if (provider === "kind" && !(await onPath("kubectl")) && !isBuilt("kubernetes"))
    problems.push({ missing: "kubectl", remedy: "install kubectl" });
  if (provider === "kind-built") {
    if (cold && !(await hasGo()))
      problems.push({
        missing: "Go 1.21 or newer, which builds Kubernetes (Debian 12's own, 1.19, is too old)",
        remedy: "install it from your distribution's backports or Go's download page, and put it on the PATH",
      });
    if (!hasFileSystem("overlay"))
      problems.push({ missing: "overlayfs in the kernel", remedy: "load the module: modprobe overlay" });
    if (readdirSync("/sys/fs/cgroup").length === 0)
      problems.push({
        missing: "control groups below /sys/fs/cgroup",
        remedy: "mount them; a container needs --privileged",
      });
  }
  return problems;
}

export function formatProblems(problems: readonly Problem[]): string {
  return problems.map(({ missing, remedy }) => `  missing: ${missing}\n  do:      ${remedy}`).join("\n");
}

async function hasGo(): Promise<boolean> {
  if (!(await onPath("go"))) return false;
  const version = /go1\.([0-9]+)/.exec((await run("go", ["version"])).stdout);
  return Number(version?.[1] ?? 0) >= GO_MINOR;
}

function hasFileSystem(name: string): boolean {
  try {
    return readFileSync("/proc/filesystems", "utf8").split(/\s+/).includes(name);
  } catch {
    return false;
  }
}

/** A container's own limit counts where it is lower than the machine's memory. */
function totalMemory(): number {
  const limits = ["memory/memory.limit_in_bytes", "memory.max"].map((file) => {
    try {
      return Number(readFileSync(join("/sys/fs/cgroup", file), "utf8"));
    } catch {
      return Number.NaN;
    }
  });
  return Math.min(totalmem(), ...limits.filter((limit) => Number.isFinite(limit)));
}

const gib = (bytes: number): string => `${(bytes / GIB).toFixed(1)} GiB`;
