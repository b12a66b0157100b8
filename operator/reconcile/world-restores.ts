import type { Restored, RestoreFault } from "../../node/api/contract-restored.ts";
import type { Thing } from "./world-store.ts";

export type Brought = Restored | { readonly fault: RestoreFault; readonly detail: string };

/** The containers that bring a backup onto a volume before the node starts, and what volumes hold. */
export type ModelRestores = {
  tick(pod: Thing): void;
  /** Whether the pod's node may start. */
  isDone(pod: Thing): boolean;
  heldBy(pod: Thing): Restored | undefined;
};

/** Seconds that it takes; one that failed is tried again after as many. */
const RESTORE_SECONDS = 5;

export function createRestores(bring: (args: readonly string[]) => Brought): ModelRestores {
  const ages = new Map<string, number>();
  const done = new Set<string>();
  /** By the pod's name, which is its claim's. */
  const held = new Map<string, Restored>();
  const argsOf = ({ spec }: Thing): readonly string[] | undefined =>
    (spec as { initContainers?: readonly { args: readonly string[] }[] }).initContainers?.[0]?.args;
  return {
    isDone: (pod) => argsOf(pod) === undefined || done.has(pod.metadata.uid),
    heldBy: (pod) => held.get(pod.metadata.name),
    tick: (pod) => {
      const args = argsOf(pod);
      const { uid, name } = pod.metadata;
      if (args === undefined || done.has(uid) || (pod.spec as { nodeName?: string }).nodeName === undefined) return;
      const age = (ages.get(uid) ?? 0) + 1;
      ages.set(uid, age);
      if (age % RESTORE_SECONDS !== 0) return;
      const brought = bring(args);
      const failed = "fault" in brought;
      const terminated = { exitCode: failed ? 1 : 0, message: failed ? JSON.stringify(brought) : "" };
      Object.assign(pod.status as object, {
        initContainerStatuses: [
          {
            ...{ name: "restore", image: "", imageID: "", ready: !failed },
            restartCount: failed ? Math.floor(age / RESTORE_SECONDS) - 1 : 0,
            ...(failed
              ? { state: { waiting: { reason: "CrashLoopBackOff" } }, lastState: { terminated } }
              : { state: { terminated } }),
          },
        ],
      });
      if (failed) return;
      done.add(uid);
      held.set(name, brought);
    },
  };
}
