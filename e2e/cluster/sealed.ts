import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import type { Progress } from "../kit/progress.ts";
import { found, Hopeless, instead, waitFor } from "../kit/wait.ts";
import { cachePath } from "./cache.ts";
import { findDaemon, identify, logTail, startDaemon, stopDaemon, stopProcess } from "./daemon.ts";
import { answers, type Engine } from "./engine.ts";
import { must, run } from "./run.ts";

/**
 * An engine of our own in a network namespace that holds only loopback and the engine's bridges: nothing that runs in it
 * has a route out. Its Unix socket is reached from outside as usual; sockets with a path know no network namespaces.
 */
const NAMESPACE = "hmn";
export const NAMESPACE_PATH = `/run/netns/${NAMESPACE}`;
/** The engine's run state. Short (a socket's path has 108 bytes at most), and gone after a restart of the machine, as it should. */
const EXEC_ROOT = "/run/hmn-engine";
const CGROUP_PARENT = "hmn-engine";
const DAEMON = "engine";
const START_MS = 60_000;

const dataRoot = (): string => cachePath("docker");
const socketPath = (): string => cachePath("docker.sock");

export function sealedEngine(baseImage?: string): Engine {
  return {
    program: "docker",
    env: {
      DOCKER_HOST: `unix://${socketPath()}`,
      // The builder that every engine has; BuildKit is a plug-in of the client that may be missing.
      DOCKER_BUILDKIT: "0",
      ...NO_PROXY_SETTINGS,
    },
    baseImage,
  };
}

/** There is nothing to be reached through a proxy from here, and kind would hand the settings on to its nodes. */
const NO_PROXY_SETTINGS = Object.fromEntries(
  ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"].map((name) => [name, undefined]),
);

/** A command that runs inside the sealed network. Not `ip netns exec`: that remounts /sys, and hides the cgroups. */
export const inside = (...command: string[]): [string, ...string[]] => [
  "nsenter",
  `--net=${NAMESPACE_PATH}`,
  ...command,
];

export async function isEngineUp(): Promise<boolean> {
  return isSealed() && (await answers(sealedEngine()));
}

/** The engine, running. Containers that outlived a killed engine are taken over; what cannot be is cleared away. */
export async function startEngine(progress: Progress): Promise<void> {
  if (await isEngineUp()) return;
  await stopDaemon(DAEMON);
  if (!(await namespaceIsThere())) {
    await sweep(progress);
    await makeNamespace();
  }
  try {
    await startOnce(progress);
  } catch (error) {
    progress.say(`the engine did not start; clearing what an earlier run left, then once more (${String(error)})`);
    await sweep(progress);
    await startOnce(progress);
  }
}

async function startOnce(progress: Progress): Promise<void> {
  const runtime = cachePath("kit", "runc-here");
  copyFileSync(join(import.meta.dirname, "node", "runc-here"), runtime);
  rmSync(join(EXEC_ROOT, "docker.pid"), { force: true });
  mkdirSync(EXEC_ROOT, { recursive: true, mode: 0o700 });
  const command = inside(
    "dockerd",
    `--data-root=${dataRoot()}`,
    `--exec-root=${EXEC_ROOT}`,
    `--pidfile=${join(EXEC_ROOT, "docker.pid")}`,
    `--host=unix://${socketPath()}`,
    `--cgroup-parent=/${CGROUP_PARENT}`,
    `--add-runtime=here=${runtime}`,
    "--default-runtime=here",
    // An engine that dies takes no node with it.
    "--live-restore",
  );
  startDaemon(DAEMON, command);
  await waitFor(
    "the container engine",
    async () => {
      if (findDaemon(DAEMON) === undefined) throw new Hopeless(`dockerd ended:\n${logTail(DAEMON)}`);
      return (await answers(sealedEngine())) ? found(true) : instead("starting");
    },
    { progress, timeoutMs: START_MS, everyMs: 200 },
  );
}

export async function stopEngine(progress: Progress): Promise<void> {
  await stopDaemon(DAEMON);
  await sweep(progress);
  if (existsSync(NAMESPACE_PATH)) await run("ip", ["netns", "delete", NAMESPACE]);
  rmSync(NAMESPACE_PATH, { force: true });
}

/** Whether the engine that runs is in the namespace that is there now; both could have been made anew. */
function isSealed(): boolean {
  const daemon = findDaemon(DAEMON);
  if (daemon === undefined || !existsSync(NAMESPACE_PATH)) return false;
  try {
    return readlinkSync(`/proc/${daemon.pid}/ns/net`) === `net:[${statSync(NAMESPACE_PATH).ino}]`;
  } catch {
    return false;
  }
}

async function namespaceIsThere(): Promise<boolean> {
  return existsSync(NAMESPACE_PATH) && (await run(...split(inside("true")))).code === 0;
}

async function makeNamespace(): Promise<void> {
  // A file without its mount is what a restart of the machine can leave.
  rmSync(NAMESPACE_PATH, { force: true });
  await must("ip", ["netns", "add", NAMESPACE]);
  await must(...split(inside("ip", "link", "set", "lo", "up")));
}

const split = ([program, ...args]: [string, ...string[]]): [string, string[]] => [program, args];

/** Ends what a dead engine left: its containers (found by our own cgroup), shims (by our own socket), mounts, cgroups. */
async function sweep(progress: Progress): Promise<void> {
  const left = [...new Set([...processesOfShims(), ...cgroupFolders().flatMap(processesIn)])];
  if (left.length > 0) progress.detail(`ending ${left.length} processes that an earlier engine left`);
  for (const pid of left) {
    const identity = identify(pid);
    if (identity === undefined) continue;
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      continue; // It ended by itself.
    }
    await stopProcess(identity);
  }
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path.startsWith(`${EXEC_ROOT}/`) || path.startsWith(`${dataRoot()}/`))
    .toReversed();
  for (const path of mounts) await run("umount", ["--lazy", path]);
  for (const folder of cgroupFolders())
    await run("find", [folder, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]);
  rmSync(EXEC_ROOT, { recursive: true, force: true });
  rmSync(socketPath(), { force: true });
}

function processesOfShims(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        return (
          /(^|\/)containerd(-shim[^/]*)?$/.test(command[0] ?? "") &&
          command.some((word) => word.startsWith(`${EXEC_ROOT}/`))
        );
      } catch {
        return false;
      }
    });
}

/** Our folder in every hierarchy of cgroup v1, or in the one of v2. */
function cgroupFolders(): string[] {
  const root = "/sys/fs/cgroup";
  return [root, ...readdirSync(root).map((name) => join(root, name))]
    .map((hierarchy) => join(hierarchy, CGROUP_PARENT))
    .filter((folder) => existsSync(folder));
}

function processesIn(folder: string): number[] {
  const own = (() => {
    try {
      return readFileSync(join(folder, "cgroup.procs"), "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map(Number);
    } catch {
      return [];
    }
  })();
  const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [...own, ...below.flatMap((entry) => processesIn(join(folder, entry.name)))];
}
