import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { accept, type Result, refuse } from "../base/result.ts";

/** Held until `release` or the end of the process, however it ends. */
export type FolderLock = { release(): void };

const SQLITE_BUSY = 5;

/**
 * One vote key never runs from two processes (rule 3 of the consensus). Node has no call for file locks, but its SQLite
 * takes a POSIX record lock (fcntl(2)) for an exclusive transaction: the kernel frees it when the process dies, and
 * it holds between containers that mount the same volume. The file stays empty: nothing is ever written to it.
 * A lock by process id would fail here, as every container's process has the id 1.
 */
export function lockFolder(folder: string): Result<FolderLock, "locked"> {
  const database = new DatabaseSync(join(folder, "lock"), { timeout: 0 });
  try {
    database.exec("PRAGMA journal_mode=MEMORY");
    database.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    database.close();
    if (cause instanceof Error && "errcode" in cause && cause.errcode === SQLITE_BUSY) {
      return refuse("locked", `${folder} is in use by another process: one vote key must not run twice`);
    }
    throw new Error(`${folder} cannot be locked`, { cause });
  }
  return accept({ release: () => database.close() });
}
