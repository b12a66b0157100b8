import { buildBinaries, isBuilt } from "../cluster/binaries.ts";
import { binary } from "../cluster/cache.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { runEngine } from "../cluster/engine.ts";
import { must, onPath } from "../cluster/run.ts";
import { OPERATOR_NAMESPACE } from "./dump.ts";
import { ROOT } from "./examples.ts";
import { kubectl } from "./kubectl.ts";
import type { Progress } from "./progress.ts";

export { OPERATOR_NAMESPACE };
export const OPERATOR_VERSION = "0.1.0";
export const OPERATOR_IMAGE = `local/hmn-operator:${OPERATOR_VERSION}`;

/** Installs CRDs and operator the way the README tells it: server-side apply of `crds/`, then the chart. */
export async function installOperator(cluster: Cluster, progress: Progress): Promise<void> {
  progress.detail("CRDs");
  await kubectl(cluster, ["apply", "--server-side", "--force-conflicts", "-f", `${ROOT}crds`]);
  await kubectl(cluster, ["wait", "--for=condition=Established", "--timeout=60s", "-f", `${ROOT}crds`]);

  progress.detail("operator");
  const manifests = await renderChart(progress);
  await kubectl(cluster, ["create", "namespace", OPERATOR_NAMESPACE]).catch((error: Error) => {
    if (!error.message.includes("AlreadyExists")) throw error;
  });
  await kubectl(cluster, ["apply", "--server-side", "--force-conflicts", "-n", OPERATOR_NAMESPACE, "-f", "-"], {
    input: manifests,
  });
  await restartOnNewImage(cluster);
}

/** Our test image keeps its tag when it is built anew; its id in the template is what makes the pods follow. */
async function restartOnNewImage(cluster: Cluster): Promise<void> {
  if (cluster.engine === undefined) return;
  const id = (await runEngine(cluster.engine, ["image", "inspect", "--format", "{{.Id}}", OPERATOR_IMAGE])).trim();
  const annotations = { "hmn.dev/image-id": id };
  const patch = JSON.stringify({ spec: { template: { metadata: { annotations } } } });
  await kubectl(cluster, [
    "-n",
    OPERATOR_NAMESPACE,
    "patch",
    "deployment",
    "hmn-operator",
    "--type=merge",
    "-p",
    patch,
  ]);
}

export async function untilOperatorReady(cluster: Cluster, progress: Progress): Promise<void> {
  progress.detail("both replicas of the operator becoming available");
  await kubectl(
    cluster,
    [
      "-n",
      OPERATOR_NAMESPACE,
      "rollout",
      "status",
      "deployment",
      "-l",
      "app.kubernetes.io/name=hmn-operator",
      "--timeout=300s",
    ],
    { timeoutMs: 320_000 },
  );
}

async function renderChart(progress: Progress): Promise<string> {
  return must(await helm(progress), [
    "template",
    "hmn-operator",
    `${ROOT}charts/hmn-operator`,
    "--namespace",
    OPERATOR_NAMESPACE,
    "--set",
    `image.tag=${OPERATOR_VERSION}`,
  ]);
}

/** Helm from the PATH or, with Go, built here. */
async function helm(progress: Progress): Promise<string> {
  if (!isBuilt("helm") && (await onPath("helm"))) return "helm";
  if (!isBuilt("helm") && !(await onPath("go")))
    throw new Error(
      "helm is missing: install Helm 3 or newer, or Go so that it can be built here, then run this again",
    );
  await buildBinaries(["helm"], progress);
  return binary("helm");
}
