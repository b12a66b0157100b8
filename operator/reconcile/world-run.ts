import { assert } from "../../node/base/assert.ts";
import { type Random, seededRandom } from "../../node/base/random.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import { decide } from "./decide.ts";
import type { World } from "./world.ts";

/** Calls of `decide` in one second of the model; every one after the first sees what the last one did. */
const LOOKS_MAX = 12;

export type Runner = {
  /** Lets time pass until the condition holds; fails with what the cluster waits for otherwise. */
  until(what: string, holds: () => boolean, limitSeconds?: number): void;
  pass(seconds: number): void;
  /** Actions of one look at the present state. */
  look(): ReturnType<typeof decide>;
  crashes(): number;
  staleLooks(): number;
  /** Seconds without a quorum since there was one. */
  lostSeconds(): number;
};

/** The operator in its loop. With faults it dies between any two actions, and sees old snapshots of others' changes. */
export function createRunner(world: World, options: { readonly seed: bigint; readonly faults: boolean }): Runner {
  const random: Random = seededRandom(options.seed);
  let lastSeen: Snapshot | undefined;
  let crashes = 0;
  let staleLooks = 0;
  let lost = 0;
  let height = 0;

  const second = () => {
    world.tick();
    let wrote = false;
    for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
      // After a write the loop waits for its caches; what others did meanwhile may be missing from them.
      const stale = options.faults && !wrote && lastSeen !== undefined && random.oneIn(4);
      const snapshot: Snapshot = stale && lastSeen !== undefined ? { ...lastSeen, now: world.now() } : world.snapshot();
      if (stale) staleLooks += 1;
      const { actions } = decide(snapshot);
      if (actions.length === 0 && !stale) break;
      const cut = options.faults && actions.length > 0 && random.oneIn(6) ? random.below(actions.length) : undefined;
      if (cut !== undefined) crashes += 1;
      world.carryOut(cut === undefined ? actions : actions.slice(0, cut));
      wrote = true;
      assert(world.downByUs.size <= 1, "at most one node is down by us");
    }
    lastSeen = wrote ? undefined : world.snapshot();
    if (height > 0 && world.nodes.height() === height) lost += 1;
    height = world.nodes.height();
  };

  return {
    crashes: () => crashes,
    staleLooks: () => staleLooks,
    lostSeconds: () => lost,
    look: () => decide(world.snapshot()),
    pass: (count) => {
      for (let index = 0; index < count; index += 1) second();
    },
    until: (what, holds, limitSeconds = 600) => {
      for (let index = 0; index < limitSeconds; index += 1) {
        if (holds()) return;
        second();
      }
      const waiting = JSON.stringify(world.status().waitingFor);
      const last = world.rollouts().at(-1)?.status;
      throw new Error(
        `seed ${options.seed}: not within ${limitSeconds} s: ${what}; waits for ${waiting}; rollout ${JSON.stringify(last?.timeline?.slice(-8))}`,
      );
    },
  };
}
