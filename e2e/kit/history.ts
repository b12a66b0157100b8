import { kubectl } from "./kubectl.ts";
import { type Pod, parsePods } from "./objects.ts";
import type { View } from "./view.ts";

/** Where the clients write down what they asked and what they were told (`docs/examples/load.yaml`). */
export const HISTORY = "/history/load.jsonl";
const CHUNK_BYTES = 4 * 1024 * 1024;

/** Reads the bytes after an offset, none while there is no file; the image holds no other program that could. */
const READ =
  'const f=require("node:fs"),[,p,o,n]=process.argv;if(!f.existsSync(p))process.exit(0);' +
  'const b=Buffer.alloc(Number(n));process.stdout.write(b.subarray(0,f.readSync(f.openSync(p,"r"),b,0,b.length,Number(o))))';

/** `text` is ASCII, so that its length is an offset in the file. */
type Copy = { podUid: string; text: string };

/** What was read already, so that each look fetches only what is new. The history dies with its pod; the copy does not. */
const copies = new WeakMap<View, Copy>();

export async function loadPods(view: View): Promise<Pod[]> {
  const selector = encodeURIComponent("app.kubernetes.io/name=hmn-load");
  const pods = parsePods(await view.reader.read(`/api/v1/namespaces/${view.namespace}/pods?labelSelector=${selector}`));
  return pods.filter((one) => !one.deleting);
}

/** The clients' one pod. */
export async function loadPodOf(view: View): Promise<Pod> {
  const [pod, ...others] = await loadPods(view);
  if (pod === undefined) throw new Error(`no pod of the clients in ${view.namespace}`);
  if (others.length > 0) throw new Error(`more than one pod of the clients in ${view.namespace}`);
  return pod;
}

/** The whole history so far, complete lines only. */
export async function readHistory(view: View, onRead?: (bytes: number) => void): Promise<string> {
  const pod = await loadPodOf(view);
  const copy = copies.get(view) ?? { podUid: pod.uid, text: "" };
  // A new pod starts with an empty file: going on would forget what was acknowledged before.
  if (copy.podUid !== pod.uid) throw new Error("the clients' pod was replaced, and the end of its history with it");
  for (;;) {
    const args = [HISTORY, String(copy.text.length), String(CHUNK_BYTES)];
    const chunk = await kubectl(
      view.cluster,
      ["-n", view.namespace, "exec", pod.name, "--", "node", "-e", READ, ...args],
      {
        timeoutMs: 60_000,
      },
    );
    copy.text += chunk;
    copies.set(view, copy);
    onRead?.(copy.text.length);
    if (chunk.length < CHUNK_BYTES) break;
  }
  return copy.text.slice(0, copy.text.lastIndexOf("\n") + 1);
}

export function forgetHistory(view: View): void {
  copies.delete(view);
}
