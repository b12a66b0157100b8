import { cpSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import { packageFolders, reach, readLock } from "./closure.ts";
import { compile, FAULTS, ROOT } from "./compile.ts";

export type Kind = "node" | "operator";

/** Folders ready for `docker build`: `node`, `operator`, and `faults`, which only test images add. */
export type Contexts = { readonly node?: string; readonly operator?: string; readonly faults?: string };

/** What a package carries for other platforms, compilers and readers. */
const UNUSED_FILES = /\.(d\.[cm]?ts|map|md|markdown|ts|flow|tsbuildinfo)$/i;
const UNUSED_FOLDERS = new Set([
  "test",
  "tests",
  "__tests__",
  "benchmark",
  "benchmarks",
  "examples",
  "docs",
  ".github",
]);

/** Makes the contexts of these kinds below `into`; what was there of them before is replaced. */
export async function makeContexts(kinds: readonly Kind[], into: string): Promise<Contexts> {
  const entries = kinds.map((kind) => `${kind}/main` as const);
  const compiled = await compile(entries);
  try {
    const contexts = Object.fromEntries(kinds.map((kind) => [kind, makeContext(kind, compiled, into)]));
    const faults = kinds.includes("node") ? makeFaults(compiled, into) : undefined;
    return { ...contexts, ...(faults === undefined ? {} : { faults }) };
  } finally {
    rmSync(compiled, { recursive: true, force: true });
  }
}

function makeContext(kind: Kind, compiled: string, into: string): string {
  const context = emptyFolder(into, kind);
  const { files, packages } = reach(compiled, `${kind}/main.js`, [`${FAULTS}.js`]);
  for (const file of files) copy(join(compiled, file), join(context, "app", file));
  writeFileSync(join(context, "app", "package.json"), `${JSON.stringify({ type: "module", private: true })}\n`);
  for (const folder of packageFolders(readLock(ROOT), packages, ROOT)) copyPackage(folder, context);
  return context;
}

/** Only what the production image lacks; it must find everything else there. */
function makeFaults(compiled: string, into: string): string | undefined {
  const entry = `${FAULTS}.js`;
  if (!existsSync(join(compiled, entry))) return undefined;
  const context = emptyFolder(into, "faults");
  const known = new Set(reach(compiled, "node/main.js", [entry]).files);
  for (const file of reach(compiled, entry).files)
    if (!known.has(file)) copy(join(compiled, file), join(context, "app", file));
  return context;
}

function emptyFolder(into: string, name: string): string {
  const folder = join(into, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to);
}

function copyPackage(folder: string, context: string): void {
  const source = join(ROOT, folder);
  cpSync(source, join(context, folder), {
    recursive: true,
    filter: (path) => {
      const inner = relative(source, path).split(sep);
      if (inner.includes("node_modules")) return false; // Each nested package comes by its own name, if it is needed.
      if (statSync(path).isDirectory()) {
        if (inner.length === 1 && UNUSED_FOLDERS.has(basename(path))) return false;
        return inner[0] !== "prebuilds" || inner.length !== 2 || inner[1] === `linux-${process.arch}`;
      }
      return !UNUSED_FILES.test(path);
    },
  });
}
