import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Everything that may be built again lives here; deleting the folder costs time and nothing else. */
export function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "hmn");
}

/** A path in the cache folder, whose parent exists afterwards. */
export function cachePath(...parts: readonly string[]): string {
  const path = join(cacheFolder(), ...parts);
  mkdirSync(join(path, ".."), { recursive: true });
  return path;
}

/** The folder of programs that were built here. */
export const BIN = "bin";
/** Programs that were built here, e.g. the reader's `kubectl`. */
export const binary = (name: string, folder: string = BIN): string => cachePath(folder, name);
