import { binary } from "./cache.ts";
import type { Cluster } from "./cluster.ts";
import { type Output, onPath, type RunOptions, run } from "./run.ts";

/** The reader's own kubectl where there is one for any cluster; ours for the cluster that was built with it. */
export async function findKubectl(): Promise<string> {
  return (await onPath("kubectl")) ? "kubectl" : binary("kubectl");
}

/** The part of a cluster that kubectl and a kubeconfig give. */
export function kubectlParts(
  kubectlPath: string,
  kubeconfig: string,
): Pick<Cluster, "kubeconfig" | "kubectlPath" | "kubectl" | "workers"> {
  const kubectl = (args: readonly string[], options: RunOptions = {}): Promise<Output> =>
    run(kubectlPath, args, { ...options, env: { ...options.env, KUBECONFIG: kubeconfig } });
  return {
    kubeconfig,
    kubectlPath,
    kubectl,
    workers: async () => {
      const nodes = await kubectl([
        "get",
        "nodes",
        "--selector=!node-role.kubernetes.io/control-plane",
        "--output=name",
      ]);
      if (nodes.code !== 0) throw new Error(`the nodes cannot be listed: ${nodes.stderr.trim()}`);
      return nodes.stdout
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => line.replace(/^node\//, ""))
        .toSorted();
    },
  };
}
