import { seededRandom } from "../../node/base/random.ts";
import { claim } from "../kit/claim.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import type { Cut } from "./cutting-proxy.ts";
import { differences, type State } from "./end-state.ts";
import type { Stand } from "./stand.ts";
import { type Told, wholeRollout } from "./whole-rollout.ts";

/** Rollouts at a time: more would make the starts of their operators slow on two cores, and gain nothing. */
const AT_ONCE = 10;
const SAMPLE = 4;
/** The run has a few more writes; which, depends on when the readings of nodes come in. */
const SAMPLED_WRITES = 120;

/** The first tier: a few points by a seed, beside the run without any. */
export const somePoints: Scenario = {
  name: "some-points",
  on: "played",
  asserts: [
    "the operator, killed at four writes of a first deployment, an upgrade, and its rollback, before or after the API server did them, leaves the cluster as an operator that was not",
  ],
  run: async ({ stand, seed }) => {
    const random = seededRandom(BigInt(seed));
    const cuts = Array.from({ length: SAMPLE }, (): Cut => {
      const nth = random.below(SAMPLED_WRITES);
      return { nth, when: random.oneIn(2) ? "before" : "after" };
    });
    const [whole, ...rest] = await Promise.all([
      wholeRollout(stand, `some-${seed}-uncut`),
      ...cuts.map((cut) => runWithCut(stand, `some-${seed}`, cut)),
    ]);
    const wrong = cuts.flatMap((cut, index) => different(stand, whole.end, cut, rest[index]));
    claim(wrong.length === 0, "the end is the same wherever the operator is killed", wrong);
  },
};

export const everyPoint: Scenario = {
  name: "every-point",
  on: "played",
  tier: "second",
  asserts: ["the same as some-points, at every write of the whole run, before and after"],
  run: async ({ stand }) => {
    const whole = await wholeRollout(stand, "every-uncut");
    const cuts = whole.writes.flatMap((_, nth): Cut[] => [
      { nth, when: "before" },
      { nth, when: "after" },
    ]);
    const waiting = cuts[Symbol.iterator]();
    const wrong: string[] = [];
    let reached = 0;
    const work = async (): Promise<void> => {
      for (const cut of waiting) {
        const told = await runWithCut(stand, "every", cut);
        wrong.push(...different(stand, whole.end, cut, told));
        if (told.cutAt !== undefined) reached += 1;
        stand.progress.detail(`${reached} of ${cuts.length} points`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    claim(wrong.length === 0, "the end is the same wherever the operator is killed", wrong);
    // The last few writes of the one run need not be there in another, whose readings come at other moments.
    claim(reached > cuts.length * REACHED_LEAST, "nearly all points were reached", `${reached} of ${cuts.length}`);
    stand.progress.say(`${reached} of ${cuts.length} points: the same end each time`);
  },
};
const REACHED_LEAST = 0.9;

async function runWithCut(stand: Stand, prefix: string, cut: Cut): Promise<Told> {
  try {
    return await wholeRollout(stand, `${prefix}-${cut.nth}-${cut.when}`, cut);
  } catch (error) {
    // Never got there: as different as an end can be, and the other points are still worth knowing.
    return { writes: [], cutAt: "never at rest", end: { failed: error instanceof Error ? error.message : error } };
  }
}

/** One line, if the end is another one; nothing otherwise. */
function different(stand: Stand, wanted: State, cut: Cut, told: Told | undefined): readonly string[] {
  const where = `killed ${cut.when} write ${cut.nth}, ${told?.cutAt ?? "which never came"}`;
  const found = differences(wanted, told?.end);
  stand.progress.say(found.length === 0 ? `the same end: ${where}` : `ANOTHER END: ${where}`);
  return found.length === 0 ? [] : [`${where}: ${found.slice(0, DIFFERENCES_MAX).join("; ")}`];
}
const DIFFERENCES_MAX = 6;
