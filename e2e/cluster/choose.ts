import type { Progress } from "../kit/progress.ts";
import { type Engine, findEngine, hasImage, tryEngine } from "./engine.ts";
import { canBuild, formatProblems, preflight } from "./preflight.ts";
import { recallCluster } from "./state.ts";

export type Choice =
  | { readonly provider: "existing"; readonly context: string }
  | { readonly provider: "kind"; readonly engine: Engine }
  | { readonly provider: "kind-built" };

/** The node image that this project's version of kind was released with (kind v0.33.0, defaults/image.go). */
export const STOCK_NODE_IMAGE =
  "kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5";

export class NoProvider extends Error {
  override readonly name = "NoProvider";
}

export async function chooseProvider(progress: Progress): Promise<Choice> {
  const context = process.env.HMN_CONTEXT;
  if (context !== undefined && context !== "") return { provider: "existing", context };
  const choice = await chooseNew(progress);
  const problems = await preflight(choice.provider);
  if (problems.length > 0) throw new NoProvider(`this machine is not ready:\n${formatProblems(problems)}`);
  return choice;
}

async function chooseNew(progress: Progress): Promise<Exclude<Choice, { provider: "existing" }>> {
  // A cluster that was built here stays the one, even if another engine has come up meanwhile.
  if (recallCluster()?.provider === "kind-built" && canBuild()) return { provider: "kind-built" };
  const engine = await findEngine();
  if (engine !== undefined && (await hasStockImage(engine, progress))) return { provider: "kind", engine };
  if (canBuild()) return { provider: "kind-built" };
  throw new NoProvider(
    engine === undefined
      ? "no container engine answers: start Docker (or Podman), or name a kubeconfig context in HMN_CONTEXT, or run as root on Debian"
      : `the image ${STOCK_NODE_IMAGE} is not here and cannot be pulled: check the engine's way to its registry, or name a kubeconfig context in HMN_CONTEXT, or run as root on Debian`,
  );
}

async function hasStockImage(engine: Engine, progress: Progress): Promise<boolean> {
  if (await hasImage(engine, STOCK_NODE_IMAGE)) return true;
  progress.detail(`pulling ${STOCK_NODE_IMAGE}`);
  const pulled = await tryEngine(engine, ["pull", STOCK_NODE_IMAGE], { timeoutMs: 20 * 60_000 });
  return pulled.code === 0;
}
