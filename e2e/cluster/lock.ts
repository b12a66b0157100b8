import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { present } from "../../node/base/assert.ts";
import type { Progress } from "../kit/progress.ts";
import { found, instead, waitFor } from "../kit/wait.ts";
import { cachePath } from "./cache.ts";
import { identify, isAlive, parseIdentity } from "./daemon.ts";

const WAIT_MS = 30 * 60_000;
let held = 0;

/**
 * One run at a time changes the cluster of this machine. Held by a living process; what a dead one left is taken over.
 * The same process may take it again (a run holds it while its parts take it). Returns the release.
 */
export async function takeLock(progress: Progress, file = cachePath("lock")): Promise<() => void> {
  if (held === 0)
    await waitFor(
      "the cluster of this machine",
      async () => {
        const holder = tryLock(file);
        return holder === undefined || holder === process.pid
          ? found(true)
          : instead(`in use by process ${holder} (another run); waiting until it ends`);
      },
      { progress, timeoutMs: WAIT_MS },
    );
  held += 1;
  let released = false;
  return () => {
    if (released) return;
    released = true;
    held -= 1;
    if (held === 0) rmSync(file, { force: true });
  };
}

/** Takes the lock, or tells the process that holds it. */
export function tryLock(file: string): number | undefined {
  const mine = present(identify(process.pid), "this process runs");
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(mine));
  try {
    // link(2) fails if the name is there: the one atomic "create with content".
    linkSync(draft, file);
    return undefined;
  } catch {
    const holder = parseIdentity(read(file));
    if (holder !== undefined && isAlive(holder)) return holder.pid;
    // Only one of two takers wins this rename; both then try again.
    try {
      renameSync(file, `${draft}.stale`);
    } catch {
      // Gone already.
    }
    return holder?.pid ?? 0;
  } finally {
    rmSync(draft, { force: true });
    rmSync(`${draft}.stale`, { force: true });
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
