import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Cluster } from "../cluster/cluster.ts";
import type { Progress } from "./progress.ts";

/** Where the operator runs. */
export const OPERATOR_NAMESPACE = "hmn-system";
const OPERATOR_LABEL = "app.kubernetes.io/name=hmn-operator";

/** What a person needs to find the cause of a failed run: objects, events and the ends of the logs, one file each. */
const sections = (namespace: string): readonly { file: string; args: readonly string[] }[] => [
  { file: "hmn.yaml", args: ["-n", namespace, "get", "hmn", "-o", "yaml"] },
  { file: "hmnro.yaml", args: ["-n", namespace, "get", "hmnro", "-o", "yaml"] },
  { file: "pods.txt", args: ["get", "pods", "-A", "-o", "wide", "--show-labels"] },
  { file: "objects.txt", args: ["-n", namespace, "get", "sts,svc,cm,secret,pdb,pvc,networkpolicy,controllerrevision"] },
  { file: "describe-pods.txt", args: ["-n", namespace, "describe", "pods"] },
  { file: "events.txt", args: ["-n", namespace, "get", "events", "--sort-by=.lastTimestamp"] },
  { file: "hosts.txt", args: ["get", "nodes", "-o", "wide"] },
  {
    file: "operator.log",
    args: ["-n", OPERATOR_NAMESPACE, "logs", "-l", OPERATOR_LABEL, "--tail=400", "--prefix", "--all-containers"],
  },
  { file: "operator-pods.txt", args: ["-n", OPERATOR_NAMESPACE, "describe", "pods"] },
  {
    file: "nodes.log",
    args: ["-n", namespace, "logs", "-l", "hmn.dev/validator", "--tail=200", "--prefix", "--all-containers"],
  },
  {
    file: "load.log",
    args: ["-n", namespace, "logs", "-l", "app.kubernetes.io/name=hmn-load", "--tail=100", "--prefix"],
  },
];

/** Writes everything it can get into the folder and prints its path with the lines that most often tell the cause. */
export async function dump(
  cluster: Cluster,
  { namespace, folder, progress }: { namespace: string; folder: string; progress: Progress },
): Promise<void> {
  progress.detail("asking the API server");
  const answer = await cluster.kubectl(["get", "--raw", "/readyz", "--request-timeout=10s"], { timeoutMs: 20_000 });
  if (answer.code !== 0)
    return progress.say(
      `nothing can be collected, the API server does not answer: ${answer.stderr.trim().slice(-200)}`,
    );
  await mkdir(folder, { recursive: true });
  for (const { file, args } of sections(namespace)) {
    progress.detail(`collecting ${file}`);
    try {
      const { stdout, stderr } = await cluster.kubectl([...args], { timeoutMs: 30_000 });
      await writeFile(join(folder, file), stdout || stderr);
    } catch (error) {
      await writeFile(join(folder, file), `could not be read: ${String(error)}\n`);
    }
  }
  const lines = async (args: readonly string[], count: number): Promise<void> => {
    const { stdout } = await cluster.kubectl([...args], { timeoutMs: 30_000 }).catch(() => ({ stdout: "" }));
    const text = stdout.trim().split("\n").slice(-count).join("\n");
    if (text !== "") progress.say(text);
  };
  await lines(["-n", namespace, "get", "hmn,hmnro,pods", "-o", "wide"], 30);
  await lines(["-n", namespace, "get", "events", "--field-selector=type=Warning", "--sort-by=.lastTimestamp"], 8);
  progress.say(`all that was collected: ${folder}`);
}
