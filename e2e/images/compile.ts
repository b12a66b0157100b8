import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "../cluster/run.ts";

export const ROOT = join(import.meta.dirname, "..", "..");
export const FAULTS = "node/faults";

/** Entry points, from the root, without an extension. */
export type Entry = "node/main" | "operator/main";

/**
 * Compiles what the entries reach, and nothing else, into a new folder of `build`; returns it. Types are not checked here:
 * `npm run types` does that, and an image must come out of what the tests ran.
 */
export async function compile(entries: readonly Entry[]): Promise<string> {
  for (const entry of entries)
    if (!existsSync(join(ROOT, `${entry}.ts`))) throw new Error(`there is no ${entry}.ts to make an image of`);
  const folder = join(ROOT, "build", `compiled-${process.pid}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const config = join(ROOT, "build", `tsconfig-${process.pid}.json`);
  const options = { noEmit: false, noCheck: true, removeComments: true, rootDir: ROOT, outDir: folder };
  const files = entries.map((entry) => join(ROOT, `${entry}.ts`));
  writeFileSync(config, JSON.stringify({ extends: "../tsconfig.json", compilerOptions: options, include: [], files }));
  try {
    await must(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "--project", config]);
  } finally {
    rmSync(config, { force: true });
  }
  return folder;
}
