import { writeFileSync } from "node:fs";
import { cachePath } from "./cache.ts";
import type { Cluster } from "./cluster.ts";
import { findKubectl, kubectlParts } from "./kubectl.ts";
import { must } from "./run.ts";

/** A cluster that somebody else made. Nothing of it is changed here, and `down` never removes it. */
export async function openExisting(context: string): Promise<Cluster> {
  const kubectl = await findKubectl();
  const view = ["config", "view", "--minify", "--flatten", `--context=${context}`];
  const kubeconfig = cachePath("kubeconfig-existing");
  // A copy with that one context: a change of the reader's current context in mid-run changes nothing here.
  writeFileSync(kubeconfig, await must(kubectl, view), { mode: 0o600 });
  const parts = kubectlParts(kubectl, kubeconfig);
  const answer = await parts.kubectl(["get", "--raw", "/readyz"], { timeoutMs: 30_000 });
  if (answer.code !== 0) throw new Error(`the cluster of context ${context} does not answer: ${answer.stderr.trim()}`);
  return {
    name: context,
    provider: "existing",
    ...parts,
    loadImages: async (references) => {
      throw new Error(
        `images cannot be loaded into an existing cluster: push ${references.join(", ")} to a registry that it pulls from`,
      );
    },
    exec: undefined,
    engine: undefined,
  };
}
