import { GROUP, LABELS, VERSION } from "../../operator/api/group.ts";
import { claim, claimEqual } from "../kit/claim.ts";
import { kubectl } from "../kit/kubectl.ts";
import { stopLoad } from "../kit/load.ts";
import { parseNames } from "../kit/objects.ts";
import { found, instead, waitFor } from "../kit/wait.ts";
import type { Scenario, Scene, StageName } from "./scenario.ts";
import { VALIDATORS } from "./stage.ts";

/** Every kind that the operator makes in a cluster's namespace. */
const OWNED = [
  "/api/v1:pods",
  "/api/v1:services",
  "/api/v1:configmaps",
  "/api/v1:secrets",
  "/api/v1:serviceaccounts",
  "/apis/apps/v1:statefulsets",
  "/apis/apps/v1:controllerrevisions",
  "/apis/policy/v1:poddisruptionbudgets",
  "/apis/networking.k8s.io/v1:networkpolicies",
  `/apis/${GROUP}/${VERSION}:hmnrollouts`,
] as const;

async function remove({ cluster, reader, stage, progress }: Scene, volumes: number): Promise<void> {
  const view = await stage.ensure(progress);
  await stopLoad(view);
  const labelled = encodeURIComponent(`${LABELS.cluster}=${view.name}`);
  const list = async (where: string, selector = `?labelSelector=${labelled}`): Promise<string[]> => {
    const [api, resource] = where.split(":");
    const names = parseNames(await reader.read(`${api}/namespaces/${view.namespace}/${resource}${selector}`));
    return names.map((one) => `${resource}/${one.name}`);
  };
  // Rollouts are found without the label too, so that a missing label hides nothing.
  const left = async (): Promise<string[]> =>
    (
      await Promise.all([...OWNED.map((where) => list(where)), list(`/apis/${GROUP}/${VERSION}:hmnrollouts`, "")])
    ).flat();
  const claims = (): Promise<string[]> => list("/api/v1:persistentvolumeclaims");

  claim((await left()).length >= VALIDATORS, "there is something to delete", await left());
  claimEqual((await claims()).length, VALIDATORS, "number of volumes before");
  progress.say(`$ kubectl -n ${view.namespace} delete hmn ${view.name}`);
  await kubectl(cluster, ["-n", view.namespace, "delete", "hmn", view.name, "--timeout=120s"], { timeoutMs: 150_000 });
  // The key of the parameter authority outlives the cluster: without it, nobody could speak for the network again.
  const kept = `secrets/${view.name}-governance`;
  await waitFor(
    "everything that the cluster owned to be gone",
    async () => {
      const rest = (await left()).filter((name) => name !== kept);
      const count = (await claims()).length;
      if (rest.length === 0 && count === volumes) return found(true);
      return instead(`${count} volumes, ${rest.length} objects left: ${rest.slice(0, 6).join(", ")}`);
    },
    { progress, timeoutMs: 240_000 },
  );
  const governance = await reader.read(`/api/v1/namespaces/${view.namespace}/secrets/${view.name}-governance`);
  claim(governance !== undefined, "the authority's key is kept", "gone");
  await stage.remove(progress);
}

const deletion = (name: string, on: StageName, volumes: number, what: string): Scenario => ({
  name,
  on,
  asserts: [
    `deleting the HmnCluster removes everything that the operator made, but for the authority's key and, with ${what}`,
  ],
  run: (scene) => remove(scene, volumes),
});

export const deletionRetain = deletion("deletion-retain", "releases", VALIDATORS, "retention Retain, the four volumes");
export const deletionDelete = deletion("deletion-delete", "trouble", 0, "retention Delete, no volume");
