import type { Cluster } from "../cluster/cluster.ts";
import { kubectl } from "./kubectl.ts";
import { parseNames } from "./objects.ts";
import type { Progress } from "./progress.ts";
import type { ApiReader } from "./proxy.ts";
import { found, instead, waitFor } from "./wait.ts";

const GONE_TIMEOUT_MS = 5 * 60_000;

/** Removes the namespace and everything in it, and returns when it is gone. */
export async function removeNamespace(
  cluster: Cluster,
  { reader, namespace, progress }: { reader: ApiReader; namespace: string; progress: Progress },
): Promise<void> {
  if ((await reader.read(`/api/v1/namespaces/${namespace}`)) === undefined) return;
  progress.detail(`removing what is left in ${namespace}`);
  await kubectl(cluster, ["delete", "namespace", namespace, "--wait=false"]).catch((error: Error) => {
    if (!error.message.includes("NotFound")) throw error;
  });
  await waitFor(
    `namespace ${namespace} to be gone`,
    async () => {
      if ((await reader.read(`/api/v1/namespaces/${namespace}`)) === undefined) return found(true);
      const pods = parseNames(await reader.read(`/api/v1/namespaces/${namespace}/pods`));
      return instead(`${pods.length} pods left`);
    },
    { progress, timeoutMs: GONE_TIMEOUT_MS },
  );
}
