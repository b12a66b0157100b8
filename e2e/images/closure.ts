import { existsSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join } from "node:path";
import { z } from "zod";

/** What one program loads: its own files, and the packages that these name. */
export type Closure = { readonly files: readonly string[]; readonly packages: readonly string[] };

/** `import … from "x"`, `export … from "x"`, `import "x"` and `import("x")` in what the compiler wrote. */
const IMPORTS = /(?:\bfrom\s*|\bimport\s*\(?\s*)["']([^"'\s]+)["']/g;

/** Follows imports of compiled files from an entry, relative to `folder`; files in `leaveOut` are not entered. */
export function reach(folder: string, entry: string, leaveOut: readonly string[] = []): Closure {
  const files = new Set<string>();
  const packages = new Set<string>();
  const queue = [{ file: entry, by: "the build" }];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const { file, by } = next;
    if (files.has(file) || leaveOut.includes(file)) continue;
    if (!existsSync(join(folder, file))) throw new Error(`${by} imports ${file}, which was not compiled`);
    files.add(file);
    for (const [, specifier = ""] of readFileSync(join(folder, file), "utf8").matchAll(IMPORTS)) {
      if (specifier.startsWith(".")) queue.push({ file: join(dirname(file), specifier), by: file });
      else if (!isBuiltin(specifier)) packages.add(packageOf(specifier));
    }
  }
  return { files: [...files].toSorted(), packages: [...packages].toSorted() };
}

/** `@scope/name/deep` → `@scope/name`. */
export function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

const dependencies = z.record(z.string(), z.string()).default({});
const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({ dependencies, optionalDependencies: dependencies, peerDependencies: dependencies }),
  ),
});
export type Lock = z.infer<typeof lockSchema>;

export function readLock(root: string): Lock {
  return lockSchema.parse(JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")));
}

/**
 * Folders below `root` of the named packages and of everything that they need, as Node resolves them: nearest
 * `node_modules` first. Optional ones and peers count where they are installed; packages of types are for compilers.
 */
export function packageFolders(lock: Lock, names: readonly string[], root: string): string[] {
  const found = new Set<string>();
  const queue = names.map((name) => ({ name, from: "", optional: false }));
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const { name, from, optional } = next;
    if (name.startsWith("@types/")) continue;
    const folder = resolve(lock, name, from);
    if (folder === undefined || !existsSync(join(root, folder))) {
      if (optional) continue;
      throw new Error(
        `${from === "" ? "the program" : from} needs the package ${name}, which package-lock.json does not hold`,
      );
    }
    if (found.has(folder)) continue;
    found.add(folder);
    const entry = lock.packages[folder];
    if (entry === undefined) continue;
    for (const needed of Object.keys(entry.dependencies)) {
      const isOptional = needed in entry.optionalDependencies;
      queue.push({ name: needed, from: folder, optional: isOptional });
    }
    for (const needed of Object.keys({ ...entry.optionalDependencies, ...entry.peerDependencies }))
      queue.push({ name: needed, from: folder, optional: true });
  }
  return [...found].toSorted();
}

function resolve(lock: Lock, name: string, from: string): string | undefined {
  let at = from;
  for (;;) {
    const candidate = at === "" ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (candidate in lock.packages) return candidate;
    if (at === "") return undefined;
    // The package around this one; the root around the outermost.
    at = at.slice(0, Math.max(0, at.lastIndexOf("/node_modules/")));
  }
}
