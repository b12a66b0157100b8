import { checkFromOutside } from "../check/outside.ts";
import { patchSpec, releaseSpec } from "../kit/change.ts";
import { claim, claimEqual } from "../kit/claim.ts";
import { isReady, untilCluster } from "../kit/cluster-state.ts";
import type { Disruptions } from "../kit/disruptions.ts";
import { pauseLoad, resumeLoad } from "../kit/load.ts";
import { conditionOf, type HmnCluster, type HmnRollout } from "../kit/objects.ts";
import type { Progress } from "../kit/progress.ts";
import { FIRST, GOOD, type Release } from "../kit/releases.ts";
import type { View } from "../kit/view.ts";
import type { Watcher } from "../kit/watcher.ts";
import { VALIDATORS } from "./stage.ts";

/** Nothing that was acknowledged is lost, nothing happened twice, all validators agree and run `release`. */
export async function claimBooks(
  view: View,
  release: Release,
  progress: Progress,
  validators: number = VALIDATORS,
): Promise<void> {
  await pauseLoad(view, progress);
  const books = await checkFromOutside(view, { version: release.version, validators, progress });
  claim(books.violations.length === 0, "the books are right", books.violations);
  claim(books.acknowledged > 0, "transfers were acknowledged", books.acknowledged);
  progress.say(`books right: ${books.acknowledged} acknowledged transfers, height ${books.commonHeight}`);
  await resumeLoad(view);
}

/** The pods were watched all the time, and never were two validators down at once. */
export async function claimOneAtATime(watcher: Watcher): Promise<Disruptions> {
  const seen = await watcher.stop();
  claim(seen.overlaps.length === 0, "at most one validator is down at any time", seen.overlaps);
  claim(seen.samples >= 10, "the pods were watched", seen.samples);
  claim(seen.failedLooks <= seen.samples / 4, "most looks at the pods succeeded", seen);
  return seen;
}

/** Every validator Ready on the release; returns once the status says so for the current spec. */
export async function claimRunning(view: View, release: Release, progress: Progress): Promise<void> {
  const cluster = await untilCluster(view, `HmnCluster Ready on ${release.version}`, isReady, { progress });
  claimEqual(cluster.status.currentVersion, release.version, "status.currentVersion");
  const pods = await view.pods();
  claimEqual(pods.length, VALIDATORS, "number of validators");
  claim(
    pods.every((pod) => pod.ready && pod.image === release.image),
    `all pods Ready on ${release.image}`,
    pods,
  );
  claimEqual(new Set(pods.map((pod) => pod.revision)).size, 1, "number of revisions");
}

/** All validators are back on `release` although the spec still asks for something else. */
export async function claimBackOn(view: View, release: Release): Promise<void> {
  const pods = await view.pods();
  claim(
    pods.length === VALIDATORS && pods.every((pod) => pod.ready && pod.image === release.image),
    `all validators are Ready on ${release.image} again`,
    pods.map(({ validator, image, ready }) => ({ validator, image, ready })),
  );
}

export function claimIncident(rollout: HmnRollout, cause: "Release" | "Environment" | "Safety"): void {
  const { incident } = rollout.status;
  claim(incident !== undefined, "the HmnRollout carries an incident", rollout.status);
  claimEqual(incident.cause, cause, "cause of the incident");
  claim(incident.summary !== "" && incident.suspected !== "", "the incident has a summary and a suspicion", incident);
  claimEqual(incident.validators, rollout.status.moved ?? [], "the validators that the incident names");
  claim(
    (incident.resolvedAt ?? "") >= incident.detectedAt,
    "the incident was resolved after it was detected",
    incident,
  );
  claim(rollout.status.completionTime !== undefined, "the rollout is complete", rollout.status);
}

/** What a user can roll out: a release and the environment that it gets. */
export type Inputs = Release & { readonly environment: HmnCluster["spec"]["environment"] };

/** What the spec asks for. */
export async function inputsOf(view: View): Promise<Inputs> {
  const cluster = await view.hmn();
  claim(cluster !== undefined, `there is an HmnCluster ${view.name}`, "none");
  const { version, image, environment } = cluster.spec;
  return { version, image: image.reference, environment };
}

/** Asks for good inputs again, as the user's answer to an incident, and waits until all is well. */
export async function heal(view: View, inputs: Inputs, progress: Progress): Promise<void> {
  await patchSpec(view, { ...releaseSpec(inputs), environment: inputs.environment }, progress);
  await claimRunning(view, inputs, progress);
  const cluster = await view.hmn();
  claim(
    cluster !== undefined && conditionOf(cluster, "Stalled") === undefined,
    "no condition Stalled any more",
    cluster?.status,
  );
}

/** A good release that the cluster does not run. */
export const otherThan = (release: Release): Release => (release.version === GOOD.version ? FIRST : GOOD);
