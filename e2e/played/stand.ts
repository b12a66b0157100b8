import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { approvalPolicy, approvalPolicyBinding } from "../../operator/api/approval-policy.ts";
import { customResourceDefinition } from "../../operator/api/crd.ts";
import { kinds } from "../../operator/api/kinds.ts";
import type { Behaviour } from "../../operator/reconcile/world-nodes.ts";
import { type Client, createClient } from "../../operator/runtime/client.ts";
import { connectByKubeconfig } from "../../operator/runtime/connection.ts";
import { createMetrics } from "../../operator/runtime/metrics.ts";
import { permissions } from "../../operator/runtime/permissions.ts";
import type { Resource } from "../../operator/runtime/resource.ts";
import { createVerbs, type Sent, type Verbs } from "../../operator/runtime/verbs.ts";
import { type ApiCluster, type ApiOptions, startApi } from "../cluster/api.ts";
import type { Progress } from "../kit/progress.ts";
import { found, instead, waitFor } from "../kit/wait.ts";
import { OPERATOR_USER } from "./cutting-proxy.ts";
import { type Play, playNodes } from "./play.ts";
import { storageClass } from "./played-volumes.ts";

/** An API server with the operator's kinds, its rights and played validators: all that an operator needs. */
export type Stand = {
  readonly api: ApiCluster;
  /** Both as an administrator. */
  readonly client: Client;
  readonly verbs: Verbs;
  readonly play: Play;
  /** For files of this stand. */
  readonly folder: string;
  readonly progress: Progress;
  stop(): Promise<void>;
};

const clusterWide = (apiVersion: string, kind: string, plural: string): Resource => ({
  ...{ apiVersion, kind, plural, namespaced: false },
});
export const namespaces = clusterWide("v1", "Namespace", "namespaces");
const CRD = clusterWide("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions");
const RBAC = "rbac.authorization.k8s.io/v1";
const ADMISSION = "admissionregistration.k8s.io/v1";
/** One for each validator of a cluster that grows, as validators do not share hosts. */
const WORKERS = 6;
const ESTABLISHED_MS = 60_000;

export async function startStand(
  options: Pick<ApiOptions, "progress" | "auditPolicy" | "minor"> & {
    readonly behaviour: (version: string) => Behaviour;
  },
): Promise<Stand> {
  const { progress, behaviour, ...of } = options;
  const api = await startApi({ progress, workers: WORKERS, playPods: false, ...of });
  const folder = mkdtempSync(join(tmpdir(), "hmn-stand-"));
  let play: Play | undefined;
  const stop = async (): Promise<void> => {
    await play?.stop();
    await api.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const client = createClient(await connectByKubeconfig(api.kubeconfig), createMetrics(), "hmn-stand");
    const verbs = createVerbs(client, "hmn-stand");
    const apply = async (resource: Resource, object: Sent): Promise<void> => {
      await verbs.apply({ resource, name: object.metadata.name }, object);
    };
    for (const kind of kinds) await apply(CRD, customResourceDefinition(kind));
    await waitFor(
      "the operator's kinds",
      async () => {
        const { items } = await verbs.list(CRD, { limit: 100 });
        const ready = items.filter((item) => JSON.stringify(item).includes('"type":"Established"'));
        return ready.length >= kinds.length ? found(true) : instead(`${ready.length} of ${kinds.length}`);
      },
      { progress, timeoutMs: ESTABLISHED_MS, everyMs: 200 },
    );
    await apply(clusterWide(ADMISSION, "ValidatingAdmissionPolicy", "validatingadmissionpolicies"), approvalPolicy);
    await apply(
      clusterWide(ADMISSION, "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
      approvalPolicyBinding,
    );
    for (const { resource, object } of rights()) await apply(resource, object);
    await apply(clusterWide("storage.k8s.io/v1", "StorageClass", "storageclasses"), storageClass);
    play = await playNodes(api.kubeconfig, behaviour);
    return { api, client, verbs, play, folder, progress, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The operator may what `permissions.ts` says, and not a thing more. The Lease stands in the namespace of its cluster here. */
function rights(): readonly { readonly resource: Resource; readonly object: Sent }[] {
  const metadata = { name: "hmn-operator" };
  return [
    {
      resource: clusterWide(RBAC, "ClusterRole", "clusterroles"),
      object: {
        ...{ apiVersion: RBAC, kind: "ClusterRole", metadata },
        rules: Object.values(permissions).flat(),
      },
    },
    {
      resource: clusterWide(RBAC, "ClusterRoleBinding", "clusterrolebindings"),
      object: {
        ...{ apiVersion: RBAC, kind: "ClusterRoleBinding", metadata },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: metadata.name },
        subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: OPERATOR_USER.name }],
      },
    },
  ];
}
