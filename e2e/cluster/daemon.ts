import { spawn } from "node:child_process";
import { openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { present } from "../../node/base/assert.ts";
import { sleep } from "../kit/duration.ts";
import { cachePath } from "./cache.ts";

/**
 * A process that outlives this program, known by a file in the cache folder. A number alone does not name a process:
 * numbers come again, and a machine restarts; the start time and the boot do.
 */
const identitySchema = z.object({
  pid: z.number().int().positive(),
  startTicks: z.string(),
  boot: z.string(),
  key: z.string(),
});
export type Identity = z.infer<typeof identitySchema>;

const KILL_AFTER_MS = 15_000;
const recordPath = (name: string): string => cachePath("run", `${name}.json`);
const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
};
const bootId = (): string => readText("/proc/sys/kernel/random/boot_id")?.trim() ?? "";

/** Field 22 of /proc/PID/stat (proc(5)), counted after the name, which may hold spaces; undefined for a dead process or a zombie. */
function startTicksOf(pid: number): string | undefined {
  const fields = readText(`/proc/${pid}/stat`)
    ?.replace(/^.*\) /s, "")
    .split(" ");
  return fields === undefined || fields[0] === "Z" ? undefined : fields[19];
}

export function identify(pid: number, key = ""): Identity | undefined {
  const startTicks = startTicksOf(pid);
  return startTicks === undefined ? undefined : { pid, startTicks, boot: bootId(), key };
}

export function isAlive(identity: Identity): boolean {
  return identity.boot === bootId() && startTicksOf(identity.pid) === identity.startTicks;
}

export function parseIdentity(text: string | undefined): Identity | undefined {
  if (text === undefined) return undefined;
  try {
    return identitySchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** The running process of that name, if what was recorded still runs. */
export function findDaemon(name: string): Identity | undefined {
  const identity = parseIdentity(readText(recordPath(name)));
  return identity !== undefined && isAlive(identity) ? identity : undefined;
}

/** Starts a process in its own session, its output in a log beside its record. `key` tells later what it was started for. */
export function startDaemon(
  name: string,
  command: readonly [string, ...string[]],
  options: { readonly key?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Identity {
  const log = openSync(daemonLog(name), "w");
  const child = spawn(command[0], command.slice(1), {
    detached: true,
    stdio: ["ignore", log, log],
    env: { ...process.env, ...options.env },
  });
  child.on("error", () => {}); // Told by the caller, which waits for the service and not for the process.
  child.unref();
  const pid = present(child.pid, `${command[0]} was started`);
  const identity = present(identify(pid, options.key), `${name} runs after it was started`);
  writeFileSync(recordPath(name), `${JSON.stringify(identity)}\n`);
  return identity;
}

export const daemonLog = (name: string): string => cachePath("run", `${name}.log`);

/** The last lines of a process's log, for the message of a failure. */
export function logTail(name: string, lines = 8): string {
  return (readText(daemonLog(name)) ?? "").trimEnd().split("\n").slice(-lines).join("\n");
}

/** Asks the process to end, and ends it when it has not after a while. Returns when it is gone. */
export async function stopDaemon(name: string): Promise<void> {
  const identity = findDaemon(name);
  if (identity !== undefined) await stopProcess(identity);
  rmSync(recordPath(name), { force: true });
}

export async function stopProcess(identity: Identity): Promise<void> {
  const started = Date.now();
  let signal: NodeJS.Signals | undefined = "SIGTERM";
  while (isAlive(identity)) {
    if (signal !== undefined) process.kill(identity.pid, signal);
    signal = Date.now() - started > KILL_AFTER_MS ? "SIGKILL" : undefined;
    await sleep(50);
  }
}
