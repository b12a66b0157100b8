import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { atExit } from "./at-exit.ts";

/** Finds or installs a program of Debian's; a text says why there is none. */
export function findProgram(
  paths: readonly string[],
  debianPackage: string,
): { readonly path: string } | { readonly missing: string } {
  const found = paths.find((path) => existsSync(path));
  if (found !== undefined) return { path: found };
  if (!isRoot() || !existsSync("/usr/bin/apt-get"))
    return { missing: `not installed: apt-get install ${debianPackage}` };
  process.stderr.write(`bench: installing ${debianPackage}\n`);
  const installed = withoutServices(() => {
    const apt = (...args: string[]) =>
      spawnSync("apt-get", ["-qq", ...args], { env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
    apt("update");
    return apt("install", "-y", "--no-install-recommends", debianPackage);
  });
  const now = paths.find((path) => existsSync(path));
  return now === undefined
    ? { missing: `${debianPackage} cannot be installed: ${installed.stderr.toString().trim()}` }
    : { path: now };
}

/** While Debian asks this file, it starts no service that it installs. */
const POLICY = "/usr/sbin/policy-rc.d";

function withoutServices<T>(work: () => T): T {
  if (existsSync(POLICY)) return work();
  writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    return work();
  } finally {
    rmSync(POLICY);
  }
}

export type User = { readonly uid: number; readonly gid: number };

const isRoot = (): boolean => process.getuid?.() === 0;

/** Servers refuse to run as root: then they run as `nobody`, else as whoever runs the bench. */
function ordinaryUser(): User {
  const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  if (own.uid !== 0) return own;
  const [, uid, gid] = /^nobody:[^:]*:([0-9]+):([0-9]+):/m.exec(readFileSync("/etc/passwd", "utf8")) ?? [];
  if (uid === undefined || gid === undefined) throw new Error("no user nobody to run servers as");
  return { uid: Number(uid), gid: Number(gid) };
}

/** A folder for a server of its own, which goes with it. */
export type Home = { readonly folder: string; readonly user: User; remove(): void };

export function makeHome(name: string): Home {
  const user = ordinaryUser();
  const folder = mkdtempSync(join(tmpdir(), `hmn-bench-${name}-`));
  chownSync(folder, user.uid, user.gid);
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
  const early = atExit(removeFolder);
  return {
    ...{ folder, user },
    remove: () => {
      early.forget();
      removeFolder();
    },
  };
}

/** Runs a program to its end. */
export function runIn(home: Home, program: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { ...home.user, cwd: home.folder, env: {} });
  if (status !== 0) throw new Error(`${program}: ${error?.message ?? stderr.toString()}`);
}

/** Starts a server and waits until it takes connections at its socket. */
export async function startServer(
  home: Home,
  program: string,
  args: readonly string[],
  isUp: () => Promise<boolean>,
): Promise<ChildProcess> {
  const child = spawn(program, args, { ...home.user, cwd: home.folder, env: {}, stdio: ["ignore", "ignore", "pipe"] });
  // Before its folder goes, which was registered earlier.
  const early = (): boolean => child.kill("SIGKILL");
  process.prependOnceListener("exit", early);
  child.once("exit", () => process.removeListener("exit", early));
  let told = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    told = (told + chunk.toString()).slice(-2_000);
  });
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) break;
    if (await isUp()) return child;
    await delay(50);
  }
  child.kill("SIGKILL");
  throw new Error(`${program} does not come up: ${told}`);
}

export async function stopServer(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, "exit");
}
