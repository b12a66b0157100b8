import { rmSync } from "node:fs";
import type { Progress } from "../kit/progress.ts";
import { cachePath } from "./cache.ts";
import { type Engine, runEngine, tryEngine } from "./engine.ts";

/** At most this many nodes unpack at once: unpacking is bound by disk and cores, not by waiting. */
const PARALLEL = 2;
/** On each node: which image ids were brought there, one `id reference` a line. Dies with the node. */
const RECORD = "/var/lib/hmn-images";

/** Brings images of the engine onto nodes, skipping what a node has: one archive, so that shared layers travel once. */
export async function loadImages(
  engine: Engine,
  workers: readonly string[],
  references: readonly string[],
  progress?: Progress,
): Promise<void> {
  const wanted = await Promise.all(
    references.map(async (reference) => {
      const id = await runEngine(engine, ["image", "inspect", "--format", "{{.Id}}", reference]);
      return `${id.trim()} ${fullName(reference)}`;
    }),
  );
  const lacking: string[] = [];
  for (const worker of workers) if (!(await hasAll(engine, worker, wanted))) lacking.push(worker);
  if (lacking.length === 0) return;

  const archive = cachePath("draft", `images-${process.pid}.tar`);
  try {
    progress?.detail(`saving ${references.length} images`);
    const multiple = engine.program === "podman" ? ["--multi-image-archive"] : [];
    await runEngine(engine, ["save", ...multiple, "--output", archive, ...references]);
    const queue = [...lacking];
    let done = 0;
    const work = async (): Promise<void> => {
      for (let worker = queue.shift(); worker !== undefined; worker = queue.shift()) {
        progress?.detail(`loading ${references.length} images onto the nodes: ${done} of ${lacking.length} done`);
        await importOn(engine, worker, archive, wanted);
        done += 1;
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
  } finally {
    rmSync(archive, { force: true });
  }
}

async function hasAll(engine: Engine, worker: string, wanted: readonly string[]): Promise<boolean> {
  const script = `cat ${RECORD} 2>/dev/null; echo ---; ctr --namespace=k8s.io images list --quiet`;
  const [record = "", listed = ""] = (await runEngine(engine, ["exec", worker, "sh", "-c", script])).split("---\n");
  const records = new Set(record.split("\n"));
  const there = new Set(listed.split("\n"));
  return wanted.every((line) => records.has(line) && there.has(line.slice(line.indexOf(" ") + 1)));
}

async function importOn(engine: Engine, worker: string, archive: string, wanted: readonly string[]): Promise<void> {
  const args = [
    "exec",
    "--interactive",
    worker,
    "ctr",
    "--namespace=k8s.io",
    "images",
    "import",
    "--snapshotter=overlayfs",
    "-",
  ];
  // An import whose run was interrupted waits for its input for ever, and every later one waits for its locks.
  await tryEngine(engine, ["exec", worker, "pkill", "-x", "ctr"]);
  await runEngine(engine, args, { input: { file: archive } });
  // A reference that moved to another image leaves its old line behind otherwise.
  const names = wanted.map((line) => line.slice(line.indexOf(" ") + 1));
  const keep = `{ grep -v -F ${names.map((name) => `-e ' ${name}'`).join(" ")} ${RECORD} 2>/dev/null; cat; } >${RECORD}.draft`;
  const script = `${keep}; mv ${RECORD}.draft ${RECORD}`;
  const recorded = await tryEngine(engine, ["exec", "--interactive", worker, "sh", "-c", script], {
    input: `${wanted.join("\n")}\n`,
  });
  if (recorded.code !== 0)
    throw new Error(`what was loaded onto ${worker} cannot be recorded: ${recorded.stderr.trim()}`);
}

/** The name under which containerd knows an image of Docker's (distribution/reference: familiar names are made full). */
export function fullName(reference: string): string {
  const tagged = /:[^/]+$/.test(reference) ? reference : `${reference}:latest`;
  const first = tagged.split("/")[0] ?? "";
  if (tagged.includes("/") && (/[.:]/.test(first) || first === "localhost")) return tagged;
  return tagged.includes("/") ? `docker.io/${tagged}` : `docker.io/library/${tagged}`;
}
