import { requestRelease } from "../kit/change.ts";
import { claim, claimEqual } from "../kit/claim.ts";
import { followRollout, inState } from "../kit/follow.ts";
import { watchDisruptions } from "../kit/watcher.ts";
import type { Scenario } from "./scenario.ts";
import { VALIDATORS } from "./stage.ts";
import { claimBooks, claimOneAtATime, claimRunning, inputsOf, otherThan } from "./steady.ts";

export const goodUpgrade: Scenario = {
  name: "good-upgrade",
  on: "releases",
  // In the first one the upgrade with gates shows the same, and the second of two changes goes out without any.
  tier: "second",
  asserts: [
    "a release that is good reaches all validators and the HmnRollout ends Succeeded, each validator moved once",
    "at most one validator is down at any time, by looking at the pods all the while",
    "no acknowledged transfer is lost, none happened twice, balances and hashes agree on all validators",
  ],
  run: async ({ stage, progress }) => {
    const view = await stage.ensure(progress);
    const release = otherThan(await inputsOf(view));
    const watcher = watchDisruptions(view, VALIDATORS);
    const number = await requestRelease(view, release, progress);
    const rollout = await followRollout(view, {
      number,
      until: inState("Succeeded"),
      what: `${release.version} on all validators`,
      progress,
    });
    await claimRunning(view, release, progress);
    await claimOneAtATime(watcher);
    claimEqual(
      [...(rollout.status.moved ?? [])].toSorted((a, b) => a - b),
      [0, 1, 2, 3],
      "validators that were moved, each once",
    );
    const judged = rollout.status.windows ?? [];
    claim(
      judged.some((window) => window.verdict === "Pass"),
      "windows were judged, and passed",
      judged,
    );
    claim(rollout.status.incident === undefined, "there is no incident", rollout.status.incident);
    await claimBooks(view, release, progress);
  },
};
