import { readdirSync, readFileSync, statfsSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";

/** CPU time of a process since its start, in microseconds. */
export type CpuUs = { readonly user: number; readonly system: number };

/** Linux counts CPU time in ticks of 10 ms (USER_HZ, fixed at 100 for programs). */
const TICK_US = 10_000;

/** Of `/proc/PID/stat`: fields 14 and 15, counted behind the name, which may hold anything. */
export function cpuOf(pid: number): CpuUs {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { user: Number(fields[11]) * TICK_US, system: Number(fields[12]) * TICK_US };
}

/** CPU time in microseconds of the threads that live, by their names. */
export function threadCpuOf(pid: number): ReadonlyMap<string, number> {
  const byName = new Map<string, number>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
    const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    byName.set(name, (byName.get(name) ?? 0) + (Number(fields[11]) + Number(fields[12])) * TICK_US);
  }
  return byName;
}

/** Resident memory in MB (10⁶ bytes). */
export function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const [, kib] = /^VmRSS:\s+([0-9]+) kB$/m.exec(status) ?? [];
  if (kib === undefined) throw new Error(`no resident size of process ${pid}`);
  return (Number(kib) * 1024) / 1e6;
}

/** What the numbers were measured on. */
export function describeMachine(): string {
  const [cpu] = cpus();
  const gib = (totalmem() / 2 ** 30).toFixed(0);
  return `${cpus().length} × ${cpu?.model.trim() ?? "unknown CPU"}, ${gib} GiB of memory, Node.js ${process.versions.node}`;
}

/** Runnable processes on average over the last minute: more than the bench's own shows load from elsewhere. */
export const loadAverage = (): number => loadavg()[0] ?? 0;

/** Magic numbers of tmpfs and ramfs (statfs(2)). */
const MEMORY_FILE_SYSTEMS: readonly number[] = [0x01021994, 0x858458f6];

/** Whether a folder's files never reach a disk. */
export const isInMemory = (folder: string): boolean => MEMORY_FILE_SYSTEMS.includes(statfsSync(folder).type);
