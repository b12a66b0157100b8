import { join } from "node:path";
import { type Random, seededRandom } from "../../node/base/random.ts";
import { forEachAtOnce } from "../kit/at-once.ts";
import { claim } from "../kit/claim.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import type { Cut } from "./cutting-proxy.ts";
import { differences, type State } from "./end-state.ts";
import type { Stand } from "./stand.ts";
import { type Told, wholeRollout } from "./whole-rollout.ts";

/** Rollouts at a time: more would make the starts of their operators slow on two cores, and gain nothing. */
const AT_ONCE = 4;
/** The run has a few more writes; which, depends on when the readings of nodes come in. */
const SAMPLED_WRITES = 120;
/** From one kill of a run to the next: a new operator has long begun to write by then. A point costs a whole rollout otherwise. */
const STRIDE = 16;
const FORGETFUL = join(import.meta.dirname, "forgetful-operator.ts");
/** What the forgetful one forgets. */
const POLICY: Cut = { nth: 0, when: "before", among: /^PATCH .*\/networkpolicies\// };

/** The first tier: a few points by a seed, beside the run without any. */
export const somePoints: Scenario = {
  name: "some-points",
  on: "played",
  asserts: [
    "the operator, killed at four writes of a first deployment, an upgrade, and its rollback, before or after the API server did them, leaves the cluster as an operator that was not",
    "an operator that notes what it is about to do as done, and so never does it if it is killed in between, leaves it otherwise",
  ],
  run: async ({ stand, seed }) => {
    const random = seededRandom(BigInt(seed));
    const runs = [0, 1].map(() => [0, 1].map((half) => sampled(random, half)));
    const [whole, caught, ...rest] = await Promise.all([
      wholeRollout(stand, `some-${seed}-uncut`),
      runWithCuts(stand, `some-${seed}-forgetful`, [POLICY], FORGETFUL),
      ...runs.map((cuts, index) => runWithCuts(stand, `some-${seed}-${index}`, cuts)),
    ]);
    const wrong = rest.flatMap((told, index) => different(stand, whole.end, runs[index] ?? [], told));
    claim(wrong.length === 0, "the end is the same wherever the operator is killed", wrong);
    const canary = different(stand, whole.end, [POLICY], caught);
    claim(canary.length > 0, "an operator that forgets what it was doing is told from a right one", caught.cutAt);
  },
};

/** Somewhere in the first or the second half of the writes. */
const sampled = (random: Random, half: number): Cut => ({
  nth: half * (SAMPLED_WRITES / 2) + random.below(SAMPLED_WRITES / 2),
  when: random.oneIn(2) ? "before" : "after",
});

export const everyPoint: Scenario = {
  name: "every-point",
  on: "played",
  tier: "second",
  asserts: [
    `the same at every write of the whole run, before and after: in each of ${2 * STRIDE} runs the operator is killed at every ${STRIDE}th write, from another one on`,
  ],
  run: async ({ stand }) => {
    const whole = await wholeRollout(stand, "every-uncut");
    const nths = Array.from({ length: Math.ceil(whole.writes.length / STRIDE) }, (_, index) => index * STRIDE);
    const runs = (["before", "after"] as const).flatMap((when) =>
      Array.from({ length: STRIDE }, (_, first) => nths.map((nth): Cut => ({ nth: first + nth, when }))),
    );
    const points = 2 * whole.writes.length;
    const wrong: string[] = [];
    let reached = 0;
    await forEachAtOnce(runs.entries(), AT_ONCE, async ([index, cuts]) => {
      const told = await runWithCuts(stand, `every-${index}`, cuts);
      const found = different(stand, whole.end, cuts, told);
      // Which of the kills it is that matters is what a person asks first.
      if (found.length > 0) wrong.push(...found, ...(await oneByOne(stand, `every-${index}`, whole.end, cuts)));
      reached += told.cutAt.length;
      stand.progress.detail(`${reached} of ${points} points`);
    });
    claim(wrong.length === 0, "the end is the same wherever the operator is killed", wrong);
    // The last few writes of the one run need not be there in another, whose readings come at other moments.
    claim(reached > points * REACHED_LEAST, "nearly all points were reached", `${reached} of ${points}`);
    stand.progress.say(`${reached} of ${points} points in ${runs.length} runs: the same end each time`);
  },
};
const REACHED_LEAST = 0.9;

async function oneByOne(stand: Stand, prefix: string, wanted: State, cuts: readonly Cut[]): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const cut of cuts) {
    const told = await runWithCuts(stand, `${prefix}-${cut.nth}-alone`, [cut]);
    wrong.push(...different(stand, wanted, [cut], told));
  }
  return wrong;
}

async function runWithCuts(stand: Stand, namespace: string, cuts: readonly Cut[], main?: string): Promise<Told> {
  try {
    return await wholeRollout(stand, namespace, cuts, main);
  } catch (error) {
    // Never got there: as different as an end can be, and the other points are still worth knowing.
    const failed = error instanceof Error ? error.message : String(error);
    return { writes: [], cutAt: [], end: {}, failed };
  }
}

/** One line, if the end is another one; nothing otherwise. */
function different(stand: Stand, wanted: State, cuts: readonly Cut[], told: Told): readonly string[] {
  const where = cuts.map(({ nth, when }, index) => `${when} ${nth} ${told.cutAt[index] ?? "(never came)"}`).join(", ");
  const found = told.failed === undefined ? differences(wanted, told.end) : [told.failed];
  const said = `killed ${where}: ${found.slice(0, DIFFERENCES_MAX).join("; ")}`;
  stand.progress.say(found.length === 0 ? `the same end: killed ${where}` : `ANOTHER END: ${said}`);
  return found.length === 0 ? [] : [said];
}
const DIFFERENCES_MAX = 6;
