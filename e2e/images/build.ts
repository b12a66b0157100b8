import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { readyEngine } from "../cluster/built.ts";
import { findEngine } from "../cluster/engine.ts";
import { canBuild } from "../cluster/preflight.ts";
import { openProgress } from "../kit/progress.ts";
import { ROOT } from "./compile.ts";
import { makeContexts } from "./context.ts";
import { buildImages } from "./image.ts";

export { buildImages, type ImageWanted } from "./image.ts";

/** `npm run build`: both images of this version, or what `docker build` needs where no engine is at hand. */
async function main(): Promise<void> {
  const progress = openProgress().phase("images");
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")));
  const engine = (await findEngine()) ?? (canBuild() ? await readyEngine(progress) : undefined);
  if (engine === undefined) {
    await makeContexts(["node", "operator"], join(ROOT, "build"));
    progress.say("no container engine answers; the contexts are ready:");
    for (const kind of ["node", "operator"])
      progress.say(`  docker build --build-arg VERSION=${version} --file ${kind}/Dockerfile build/${kind}`);
  } else {
    const images = (["node", "operator"] as const).map((kind) => ({
      name: `local/hmn-${kind}:${version}`,
      kind,
      version,
    }));
    await buildImages(engine, images, progress);
    progress.say(`images: ${images.map((image) => image.name).join(", ")}`);
  }
  progress.close();
}

if (import.meta.main) await main();
