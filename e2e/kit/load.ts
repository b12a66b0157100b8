import { parseHistory } from "../check/history.ts";
import { EXAMPLES, readExample, toYaml, withArguments } from "./examples.ts";
import { forgetHistory, loadPodOf, loadPods, readHistory } from "./history.ts";
import { kubectl } from "./kubectl.ts";
import type { Progress } from "./progress.ts";
import type { View } from "./view.ts";
import { found, instead, waitFor } from "./wait.ts";

const TIMEOUT_MS = 5 * 60_000;
/** While this file is there, the clients send nothing new. */
const PAUSE = "/history/pause";

export type LoadOptions = {
  /** Replaces arguments of the example's load generator, e.g. `{ "--batch": "3" }`. */
  readonly args?: Readonly<Record<string, string>>;
};

/** Applies the example's clients; changes nothing where they are at work already, but for a pause, which ends. */
export async function startLoad(view: View, progress: Progress, { args = {} }: LoadOptions = {}): Promise<void> {
  const there = await view.reader.read(`/apis/apps/v1/namespaces/${view.namespace}/deployments/${view.name}-load`);
  if (there === undefined) {
    forgetHistory(view);
    const yaml = toYaml(await readExample(EXAMPLES.load, view.namespace));
    await kubectl(view.cluster, ["apply", "-f", "-"], { input: withArguments(yaml, args) });
  }
  await waitFor(
    "the clients' pod to run",
    async () => {
      const [pod] = await loadPods(view);
      if (pod === undefined) return instead("not made yet");
      return pod.ready ? found(pod) : instead(`${pod.phase} ${pod.waiting}`);
    },
    { progress, timeoutMs: TIMEOUT_MS },
  );
  if (there !== undefined) await resumeLoad(view);
}

/** Number of transfers that the clients were told are done. */
export async function acknowledged(view: View): Promise<number> {
  return parseHistory(await readHistory(view)).acknowledged.length;
}

export async function untilAcknowledged(view: View, count: number, progress: Progress): Promise<void> {
  await waitFor(
    `${count} acknowledged transfers`,
    async () => {
      const seen = await acknowledged(view);
      return seen >= count ? found(seen) : instead(`${seen} so far`);
    },
    { progress, timeoutMs: TIMEOUT_MS, everyMs: 1000 },
  );
}

/** Stops the sending, and waits until nothing is on its way any more. */
export async function pauseLoad(view: View, progress: Progress): Promise<void> {
  const pod = await loadPodOf(view);
  const touch = `require("node:fs").writeFileSync(${JSON.stringify(PAUSE)},"")`;
  await kubectl(view.cluster, ["-n", view.namespace, "exec", pod.name, "--", "node", "-e", touch]);
  let before = -1;
  await waitFor(
    "the clients to have all their answers",
    async () => {
      const text = await readHistory(view);
      const { open } = parseHistory(text);
      const grew = text.length !== before;
      before = text.length;
      return open === 0 && !grew ? found(true) : instead(`${open} batches on their way`);
    },
    { progress, timeoutMs: TIMEOUT_MS, everyMs: 1000 },
  );
}

export async function resumeLoad(view: View): Promise<void> {
  const pod = await loadPodOf(view);
  const remove = `require("node:fs").rmSync(${JSON.stringify(PAUSE)},{force:true})`;
  await kubectl(view.cluster, ["-n", view.namespace, "exec", pod.name, "--", "node", "-e", remove]);
}

/** Ends the clients; their history goes with them. */
export async function stopLoad(view: View): Promise<void> {
  await kubectl(view.cluster, [
    "-n",
    view.namespace,
    "delete",
    "deployment",
    `${view.name}-load`,
    "--ignore-not-found",
  ]);
  forgetHistory(view);
}

export const loadHost = async (view: View): Promise<string> => (await loadPodOf(view)).host;
export const loadPod = async (view: View): Promise<string> => (await loadPodOf(view)).name;
