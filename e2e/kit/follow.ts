import type { RolloutState } from "../../operator/api/rollout.ts";
import type { HmnCluster, HmnRollout, Pod } from "./objects.ts";
import type { Progress } from "./progress.ts";
import type { View } from "./view.ts";
import { found, Hopeless, instead, type Look, waitFor } from "./wait.ts";

/** One validator in a few characters: `2 ready on 1.1.0`, `2 ErrImagePull`. */
export function describePod(pod: Pod): string {
  const version = pod.image.includes(":") ? pod.image.slice(pod.image.lastIndexOf(":") + 1) : pod.image;
  if (pod.deleting) return `${pod.validator} stopping`;
  if (pod.ready) return `${pod.validator} ready on ${version}`;
  return `${pod.validator} ${pod.waiting === "" ? "starting" : pod.waiting} on ${version}`;
}

export const describePods = (pods: readonly Pod[]): string =>
  pods.length === 0 ? "no validator yet" : pods.map(describePod).join(", ");

const ended: readonly RolloutState[] = ["Succeeded", "RolledBack", "Superseded", "Failed"];

export type Follow = {
  readonly number: number;
  readonly until: (rollout: HmnRollout) => boolean;
  /** In a few words, for the line of the wait and for a failure. */
  readonly what: string;
  readonly progress: Progress;
  readonly timeoutMs?: number;
};

/** How much of each rollout's timeline was shown already: a rollout is often followed in several steps. */
const toldTimelines = new WeakMap<View, Map<string, number>>();

function toldOf(view: View): Map<string, number> {
  const told = toldTimelines.get(view) ?? new Map<string, number>();
  toldTimelines.set(view, told);
  return told;
}

export const forgetTimelines = (view: View): void => void toldTimelines.delete(view);

export const ROLLOUT_TIMEOUT_MS = 15 * 60_000;

/** Shows a rollout as it goes, from its own timeline and the pods, until it is where it should be. */
export function followRollout(view: View, { number, until, what, progress, timeoutMs }: Follow): Promise<HmnRollout> {
  const key = `${view.name}-${number}`;
  const look = async (): Promise<Look<HmnRollout>> => {
    const rollout = (await view.rollouts()).find((one) => one.spec.number === number);
    if (rollout === undefined)
      return instead(`HmnRollout ${view.name}-${number} is not there yet; ${describeCluster(await view.hmn())}`);
    const timeline = rollout.status.timeline ?? [];
    const told = toldOf(view);
    for (const entry of timeline.slice(told.get(key) ?? 0))
      progress.say(`${rollout.metadata.name}  ${entry.event}: ${entry.message}`);
    told.set(key, timeline.length);
    const { state, phase } = rollout.status;
    if (until(rollout)) return found(rollout);
    if (state !== undefined && ended.includes(state))
      throw new Hopeless(
        `${rollout.metadata.name} ended as ${state} while waiting for ${what}: ${rollout.status.rollbackReason || "no reason given"}`,
      );
    return instead(
      `${state ?? "not started"}, phase ${phase ?? 0} of ${rollout.spec.phases.length}; ${describePods(await view.pods())}`,
    );
  };
  return waitFor(what, look, { progress, timeoutMs: timeoutMs ?? ROLLOUT_TIMEOUT_MS });
}

export const inState =
  (...states: readonly RolloutState[]) =>
  (rollout: HmnRollout): boolean =>
    rollout.status.state !== undefined && states.includes(rollout.status.state);

/** The cluster's own word for what it is doing. */
export function describeCluster(cluster: HmnCluster | undefined): string {
  if (cluster === undefined) return "no HmnCluster";
  const { phase, waitingFor } = cluster.status;
  return `${phase ?? "no status yet"}${waitingFor === undefined ? "" : `, waiting: ${waitingFor.message}`}`;
}
