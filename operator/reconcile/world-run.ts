import { assert } from "../../node/base/assert.ts";
import { type Random, seededRandom } from "../../node/base/random.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import type { Action, Decision } from "./actions.ts";
import { decide } from "./decide.ts";
import type { World } from "./world.ts";

/** Calls of `decide` in one second of the model; every one after the first sees what the last one did. */
const LOOKS_MAX = 12;
/** A leader that was suspended acts on a view as old as this, in seconds, before it finds its lease lost. */
const DEPOSED_SECONDS = 10;

export type RunnerOptions = {
  readonly seed: bigint;
  /** The operator dies between any two actions, and sees old snapshots of others' changes. */
  readonly faults: boolean;
  /** Now and then a leader whose lease is lost acts once more, on an old view. */
  readonly deposed?: boolean;
  readonly decide?: (snapshot: Snapshot) => Decision;
  /** Told of all actions before they are carried out. */
  readonly onActions?: (actions: readonly Action[]) => void;
};

export type Runner = {
  /** Lets time pass until the condition holds; fails with what the cluster waits for otherwise. */
  until(what: string, holds: () => boolean, limitSeconds?: number): void;
  pass(seconds: number): void;
  /** Actions of one look at the present state. */
  look(): ReturnType<typeof decide>;
  crashes(): number;
  staleLooks(): number;
  deposedLooks(): number;
  /** Seconds without a quorum since there was one. */
  lostSeconds(): number;
};

/** The operator in its loop. */
export function createRunner(world: World, options: RunnerOptions): Runner {
  const random: Random = seededRandom(options.seed);
  const mind = options.decide ?? decide;
  let lastSeen: Snapshot | undefined;
  let crashes = 0;
  let staleLooks = 0;
  let deposedLooks = 0;
  let suspended: { readonly view: Snapshot; seconds: number } | undefined;
  let lost = 0;
  let height = 0;

  const deposed = () => {
    if (suspended === undefined) {
      if (random.oneIn(20)) suspended = { view: world.snapshot(), seconds: random.below(DEPOSED_SECONDS) };
      return;
    }
    suspended.seconds -= 1;
    if (suspended.seconds > 0) return;
    const { actions } = mind(suspended.view);
    suspended = undefined;
    deposedLooks += 1;
    options.onActions?.(actions);
    world.carryOut(actions);
  };

  const second = () => {
    world.tick();
    if (options.deposed === true) deposed();
    let wrote = false;
    for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
      // After a write the loop waits for its caches; what others did meanwhile may be missing from them.
      const stale = options.faults && !wrote && lastSeen !== undefined && random.oneIn(4);
      const snapshot: Snapshot = stale && lastSeen !== undefined ? { ...lastSeen, now: world.now() } : world.snapshot();
      if (stale) staleLooks += 1;
      const { actions } = mind(snapshot);
      if (actions.length === 0 && !stale) break;
      const cut = options.faults && actions.length > 0 && random.oneIn(6) ? random.below(actions.length) : undefined;
      options.onActions?.(actions);
      world.carryOut(cut === undefined ? actions : actions.slice(0, cut));
      if (cut !== undefined) {
        crashes += 1;
        world.nodes.forget();
      }
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
    deposedLooks: () => deposedLooks,
    lostSeconds: () => lost,
    look: () => mind(world.snapshot()),
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
