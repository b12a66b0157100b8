import { patchSpec, requestRelease } from "../kit/change.ts";
import { claim, claimEqual } from "../kit/claim.ts";
import { followRollout, inState } from "../kit/follow.ts";
import { watchDisruptions } from "../kit/watcher.ts";
import type { Scenario } from "./scenario.ts";
import { VALIDATORS } from "./stage.ts";
import { claimBooks, claimOneAtATime, claimRunning, inputsOf, otherThan } from "./steady.ts";

export const superseded: Scenario = {
  name: "superseded",
  on: "releases",
  asserts: [
    "a second change of the spec during a rollout ends it as Superseded, without a verdict and without a quarantine",
    "the second change goes out in an HmnRollout of its own, which ends Succeeded; at most two revisions run at any time",
    "never two validators were down at once; no acknowledged transfer is lost",
  ],
  run: async ({ stage, progress }) => {
    const view = await stage.ensure(progress);
    const before = await inputsOf(view);
    const release = otherThan(before);
    const watcher = watchDisruptions(view, VALIDATORS);
    const number = await requestRelease(view, release, progress);
    await followRollout(view, {
      number,
      until: (rollout) => (rollout.status.moved ?? []).length > 0,
      what: "the first validator to be moved",
      progress,
    });
    await patchSpec(
      view,
      {
        environment: [...before.environment, { name: "HMN_NOTE", value: "second change" }],
        // There are four workers: the fifth validator, in a later scenario, shares one, and that is a release, too.
        placement: { allowSharedHosts: true },
      },
      progress,
    );
    const first = await followRollout(view, {
      number,
      until: inState("Superseded"),
      what: "the first rollout to give way",
      progress,
    });
    const second = await followRollout(view, {
      number: number + 1,
      until: inState("Succeeded"),
      what: "the second change on all validators",
      progress,
    });
    claim(first.status.incident === undefined, "a superseded rollout is no incident", first.status.incident);
    claimEqual(second.spec.to.version, release.version, "version of the second rollout");
    await claimRunning(view, release, progress);
    const { mostRevisions } = await claimOneAtATime(watcher);
    claim(mostRevisions <= 2, "at most two revisions run at once", mostRevisions);
    const quarantine = (await view.hmn())?.status.quarantine ?? [];
    claim(
      quarantine.every((one) => one.revision !== first.spec.to.revision && one.revision !== second.spec.to.revision),
      "neither change is quarantined",
      quarantine,
    );
    await claimBooks(view, release, progress);
  },
};
