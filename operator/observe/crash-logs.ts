import type { V1Pod } from "@kubernetes/client-node";
import { isStatus } from "../runtime/api-error.ts";
import type { Logger } from "../runtime/log.ts";
import type { Item } from "../runtime/resource.ts";
import type { Verbs } from "../runtime/verbs.ts";
import { redact } from "./redact.ts";
import { resources } from "./resources.ts";

const LINES = 40;
const FETCHED_MAX_BYTES = 512 * 1024;
const KEPT_MAX_BYTES = 4096;

export type CrashLogs = {
  /** Fetches the pod's last words if it has crashed anew. */
  readonly consider: (pod: Item) => void;
  readonly forget: (pod: Item) => void;
  /** By pod UID. */
  readonly of: (podUids: readonly string[]) => ReadonlyMap<string, string>;
};

type Crash = { readonly container: string; readonly previous: boolean; readonly number: number };

/** The last container of the pod that ended with an error. */
function crashOf(item: Item): Crash | undefined {
  const { status } = item as unknown as V1Pod;
  for (const { name, restartCount, state, lastState } of status?.containerStatuses ?? []) {
    const ended = state?.terminated ?? lastState?.terminated;
    if (ended === undefined || ended.exitCode === 0) continue;
    return { container: name, previous: state?.terminated === undefined, number: restartCount };
  }
  return undefined;
}

/** Last log lines of crashed containers: gone with the pod unless somebody fetches them in time. */
export function createCrashLogs(options: {
  readonly verbs: Verbs;
  readonly log: Logger;
  readonly onFetched: (pod: Item) => void;
}): CrashLogs {
  const { verbs, log, onFetched } = options;
  const texts = new Map<string, { readonly crash: string; readonly text: string }>();
  const underWay = new Set<string>();
  const fetchLog = async (pod: Item, { container, previous }: Crash, crash: string) => {
    const { name, namespace, uid } = pod.metadata;
    const place = { resource: resources.Pod, namespace, name };
    const whole = await verbs.log(place, { container, previous, tailLines: LINES }, FETCHED_MAX_BYTES);
    texts.set(uid, { crash, text: lastBytes(redact(whole), KEPT_MAX_BYTES) });
    onFetched(pod);
  };
  return {
    consider: (pod) => {
      const { uid, name } = pod.metadata;
      const found = crashOf(pod);
      if (found === undefined || underWay.has(uid)) return;
      const crash = `${found.container} ${found.number} ${found.previous}`;
      if (texts.get(uid)?.crash === crash) return;
      underWay.add(uid);
      fetchLog(pod, found, crash)
        .catch((error: unknown) => {
          // The kubelet may have removed the container already: the next crash brings the next chance.
          if (!isStatus(error, 400, 404))
            log.warn({ pod: name, error }, "the log of a crashed container cannot be read");
        })
        .finally(() => underWay.delete(uid));
    },
    forget: (pod) => {
      texts.delete(pod.metadata.uid);
    },
    of: (podUids) => {
      const found = new Map<string, string>();
      for (const uid of podUids) {
        const known = texts.get(uid);
        if (known !== undefined) found.set(uid, known.text);
      }
      return found;
    },
  };
}

/** The end of a text in at most so many bytes of UTF-8, not starting within a line if there is another one. */
function lastBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length <= maxBytes) return text;
  const end = bytes.subarray(bytes.length - maxBytes);
  const line = end.indexOf(0x0a);
  return end.subarray(line === -1 ? 0 : line + 1).toString("utf8");
}
