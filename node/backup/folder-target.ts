import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isMissing } from "../base/missing.ts";
import { MANIFEST, type Target } from "./target.ts";

/** Backups as folders of a folder: a volume, a disk, a share. */
export function folderTarget(root: string): Target {
  return {
    put: async (name, bytes) => {
      const path = join(root, name);
      await mkdir(dirname(path), { recursive: true });
      const file = await open(`${path}.new`, "w", 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(`${path}.new`, path);
    },
    get: async (name) => {
      try {
        return new Uint8Array(await readFile(join(root, name)));
      } catch (cause) {
        if (isMissing(cause)) return undefined;
        throw cause;
      }
    },
    list: async () => {
      const names: string[] = [];
      for (const name of await readdir(root)) {
        const manifest = await stat(join(root, name, MANIFEST)).catch(() => undefined);
        if (manifest?.isFile() === true) names.push(name);
      }
      return names.toSorted();
    },
    remove: async (backup) => {
      await rm(join(root, backup, MANIFEST), { force: true });
      await rm(join(root, backup), { recursive: true, force: true });
    },
    close: () => {},
  };
}
