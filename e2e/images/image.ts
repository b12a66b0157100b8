import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { present } from "../../node/base/assert.ts";
import { type Engine, runEngine, tryEngine } from "../cluster/engine.ts";
import { run } from "../cluster/run.ts";
import type { Progress } from "../kit/progress.ts";
import { ROOT } from "./compile.ts";
import { type Contexts, type Kind, makeContexts } from "./context.ts";

export type ImageWanted = {
  /** e.g. `local/hmn-node:1.1.0` */
  readonly name: string;
  readonly kind: Kind;
  /** What the program in it says of itself. */
  readonly version: string;
  /** For tests only: the value of HMN_FAULTS. The image then holds `faults.js`, which images for production do not. */
  readonly faults?: string;
};

/** On each image: the hash of everything that it was made from. */
const INPUTS_LABEL = "dev.hmn.inputs";

/** Builds the images whose inputs changed since they were built; the others are left as they are. */
export async function buildImages(engine: Engine, wanted: readonly ImageWanted[], progress: Progress): Promise<void> {
  progress.detail("compiling");
  // Of this run alone: another one may build at the same time.
  const into = join(ROOT, "build", `images-${process.pid}`);
  try {
    const contexts = await makeContexts([...new Set(wanted.map((image) => image.kind))], into);
    const revision = await gitRevision();
    for (const image of wanted) {
      const production = await buildProduction(engine, { image, contexts, revision, progress });
      if (image.faults !== undefined) await buildFaulty(engine, { image, production, contexts, progress });
    }
  } finally {
    rmSync(into, { recursive: true, force: true });
  }
  // Images of ours that lost their name to a newer one; nobody else's.
  await tryEngine(engine, ["image", "prune", "--force", `--filter=label=${INPUTS_LABEL}`]);
}

type Production = {
  readonly image: ImageWanted;
  readonly contexts: Contexts;
  readonly revision: string;
  readonly progress: Progress;
};

/** Returns the name of the image for production: the wanted one, or the one that a faulty image is built upon. */
async function buildProduction(engine: Engine, { image, contexts, revision, progress }: Production): Promise<string> {
  const { kind, version } = image;
  const name = image.faults === undefined ? image.name : `local/hmn-${kind}-plain:${version}`;
  const context = present(contexts[kind], `${kind} was compiled`);
  const dockerfile = join(ROOT, kind, "Dockerfile");
  const args = {
    VERSION: version,
    REVISION: revision,
    ...(engine.baseImage === undefined ? {} : { BASE: engine.baseImage }),
  };
  await buildOne(engine, { name, dockerfile, context, args, progress });
  return name;
}

type Faulty = {
  readonly image: ImageWanted;
  readonly production: string;
  readonly contexts: Contexts;
  readonly progress: Progress;
};

async function buildFaulty(engine: Engine, { image, production, contexts, progress }: Faulty): Promise<void> {
  const context = present(contexts.faults, "node/faults.ts was compiled");
  const dockerfile = join(import.meta.dirname, "faulty.Dockerfile");
  const id = (await runEngine(engine, ["image", "inspect", "--format", "{{.Id}}", production])).trim();
  const args = { BASE: production, FAULTS: image.faults ?? "" };
  await buildOne(engine, { name: image.name, dockerfile, context, args, progress, more: id });
}

type Build = {
  readonly name: string;
  readonly dockerfile: string;
  readonly context: string;
  readonly args: Readonly<Record<string, string>>;
  readonly progress: Progress;
  /** Inputs that are in no file and no argument. */
  readonly more?: string;
};

async function buildOne(
  engine: Engine,
  { name, dockerfile, context, args, progress, more = "" }: Build,
): Promise<void> {
  const inputs = createHash("sha256")
    .update(readFileSync(dockerfile))
    .update(JSON.stringify(args))
    .update(more)
    .update(hashFolder(context))
    .digest("hex");
  const format = `{{index .Config.Labels "${INPUTS_LABEL}"}}`;
  const before = await tryEngine(engine, ["image", "inspect", "--format", format, name]);
  if (before.code === 0 && before.stdout.trim() === inputs) return;
  const started = Date.now();
  progress.detail(`building ${name}`);
  const buildArgs = Object.entries(args).map(([key, value]) => `--build-arg=${key}=${value}`);
  await runEngine(engine, [
    ...["build", "--quiet", "--force-rm", `--tag=${name}`, `--file=${dockerfile}`, `--label=${INPUTS_LABEL}=${inputs}`],
    ...buildArgs,
    context,
  ]);
  progress.say(`built ${name} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

function hashFolder(folder: string): string {
  const hash = createHash("sha256");
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  for (const file of files) {
    const content = readFileSync(file);
    hash.update(`${file.slice(folder.length)}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

async function gitRevision(): Promise<string> {
  const described = await run("git", ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"], { cwd: ROOT });
  return described.code === 0 ? described.stdout.trim() : "unknown";
}
