import { requestRelease } from "../kit/change.ts";
import { claim, claimEqual } from "../kit/claim.ts";
import { untilCluster } from "../kit/cluster-state.ts";
import { followRollout, inState } from "../kit/follow.ts";
import { isTrue } from "../kit/objects.ts";
import { kubectlHmn } from "../kit/plugin.ts";
import { CRASHING, DIFFERING, MISSING, type Release, SLOW } from "../kit/releases.ts";
import { watchDisruptions } from "../kit/watcher.ts";
import type { Scenario, Scene } from "./scenario.ts";
import { VALIDATORS } from "./stage.ts";
import { claimBackOn, claimBooks, claimIncident, claimOneAtATime, heal, inputsOf } from "./steady.ts";

type BadRelease = {
  readonly release: Release;
  readonly cause: "Release" | "Environment" | "Safety";
  readonly metric: RegExp | undefined;
};

/** The release is tried, found bad, and taken back by itself; the same in every case but the kind of cause. */
async function rollBack({ stage, progress }: Scene, { release, cause, metric }: BadRelease): Promise<void> {
  const view = await stage.ensure(progress);
  const good = await inputsOf(view);
  const watcher = watchDisruptions(view, VALIDATORS);
  const number = await requestRelease(view, release, progress);
  const rollout = await followRollout(view, {
    number,
    until: inState("RolledBack"),
    what: `${release.version} being rolled back`,
    progress,
  });
  claimIncident(rollout, cause);
  claim(
    (rollout.status.moved ?? []).length < VALIDATORS,
    "the release never reached all validators",
    rollout.status.moved,
  );
  if (cause === "Safety") claimEqual(rollout.status.moved ?? [], [], "the validators that were moved");
  if (metric !== undefined) {
    const broke = rollout.status.incident?.windows ?? [];
    claim(
      broke.some((window) => window.verdict === "Fail" && metric.test(window.metric)),
      `a window failed by ${metric}`,
      broke,
    );
  }
  // RolledBack may still be true of the scenario before: only a status that has seen this rollout end counts.
  const cluster = await untilCluster(
    view,
    "the status to tell of the rollback",
    (one) => isTrue(one, "RolledBack") && one.status.phase !== "RollingBack" && one.status.phase !== "RollingOut",
    { progress },
  );
  const report = await kubectlHmn(view, ["incident", rollout.metadata.name], progress);
  for (const part of [`${good.version} -> ${release.version}`, cause, "WHAT TO DO"])
    claim(report.includes(part), `kubectl hmn incident says ${part}`, report);
  await claimBackOn(view, good);
  await claimOneAtATime(watcher);
  const quarantined = (cluster.status.quarantine ?? []).some((one) => one.revision === rollout.spec.to.revision);
  claimEqual(quarantined, cause !== "Environment", "whether the inputs are quarantined");
  if (cause !== "Environment") {
    claim(
      isTrue(cluster, "Stalled"),
      "the cluster stays Stalled while the spec asks for what was rolled back",
      cluster.status,
    );
  }
  await heal(view, good, progress);
  await claimBooks(view, good, progress);
}

export const slowRelease: Scenario = {
  name: "slow-release",
  on: "releases",
  asserts: [
    "a release that answers three seconds late breaks the latency level and is rolled back by itself",
    "incident of cause Release with the latency windows that broke; inputs quarantined; RolledBack and Stalled are True",
    "all validators are back on the release before, never two were down at once, and a good spec ends the stall",
    "no acknowledged transfer is lost",
  ],
  run: (scene) => rollBack(scene, { release: SLOW, cause: "Release", metric: /latency/i }),
};

export const crashingRelease: Scenario = {
  name: "crashing-release",
  on: "releases",
  asserts: [
    "a release whose process keeps ending is rolled back by itself, with an incident of cause Release and a quarantine",
    "all validators are back on the release before, never two were down at once; no acknowledged transfer is lost",
  ],
  run: (scene) => rollBack(scene, { release: CRASHING, cause: "Release", metric: undefined }),
};

export const unpullableImage: Scenario = {
  name: "unpullable-image",
  on: "releases",
  asserts: [
    "an image that cannot be pulled is rolled back with an incident of cause Environment, and is not quarantined",
    "all validators are back on the release before, never two were down at once; a good spec heals the cluster",
    "no acknowledged transfer is lost",
  ],
  run: (scene) => rollBack(scene, { release: MISSING, cause: "Environment", metric: undefined }),
};

export const differingRoot: Scenario = {
  name: "differing-root",
  on: "releases",
  tier: "second",
  asserts: [
    "an observer of a release that comes to other results ends its rollout, with an incident of cause Safety and a quarantine",
    "no validator is moved; a good spec ends the stall; no acknowledged transfer is lost",
  ],
  run: (scene) => rollBack(scene, { release: DIFFERING, cause: "Safety", metric: undefined }),
};
