import { createHash } from "node:crypto";
import { assert } from "../../node/base/assert.ts";
import { seededRandom } from "../../node/base/random.ts";
import { decide } from "../reconcile/decide.ts";
import { createWorld } from "../reconcile/world.ts";
import { createRunner } from "../reconcile/world-run.ts";
import type { Canary } from "./canaries.ts";
import { checkActions, checkResults, checkStatus, checkTrust, isAsWanted } from "./checks.ts";
import { behaviourOf, type Happening, happen, LAST_RELEASE, onRelease, type Switches, specOf } from "./story.ts";

export type SwarmOptions = {
  readonly seed: number;
  /** Validators; drawn from the seed, 4 to 7, where missing. */
  readonly nodes?: number;
  /** Seconds of trouble, before everything has to come right. */
  readonly storm: number;
  /** A deliberately broken operator, which the checks have to find. */
  readonly canary?: Canary;
};

export type Counts = Readonly<
  Record<Happening | "crash" | "staleLook" | "deposedLook" | "rollout" | "rollback", number>
>;
export type Outcome = {
  /** SHA-256 over every action in order: two runs of a seed are the same. */
  readonly trace: string;
  readonly counts: Counts;
  /** What was found wrong, and in which second. */
  readonly violation: string | undefined;
};

/** After the storm: a rollout of seven nodes with its soaks, a rollback before it, and a backoff of five minutes. */
const CALM_SECONDS = 1_500;
const STEADY_LOOKS = 20;

/** One modelled cluster under one seed: the production `decide` through a storm of users, hosts and its own crashes. */
export function runSwarm({ seed, nodes, storm, canary }: SwarmOptions): Outcome {
  const random = seededRandom(BigInt(seed));
  const count = nodes ?? 4 + random.below(4);
  // Unequal shares, each under a third: nearly alike, or two that hold three fifths.
  const light = Math.floor(400 / (count - 2));
  const skewed = random.oneIn(2);
  const weights = Array.from({ length: count }, (_, id) => (skewed ? (id < 2 ? 300 : light) : 75 + random.below(26)));
  const switches: Switches = { frozen: false };
  // An operator knows its own options: a stale view of others has them as they are now.
  const fleet = Object.defineProperty({ frozen: false, maxConcurrentRollouts: 0, rivals: () => [] }, "frozen", {
    get: () => switches.frozen,
  });
  const world = createWorld({
    ...{ spec: specOf(count), behaviour: behaviourOf, weights, budget: random.oneIn(2) },
    fleet: () => fleet,
  });
  const trace = createHash("sha256");
  const run = createRunner(world, {
    seed: BigInt(seed),
    faults: true,
    deposed: true,
    decide: canary === undefined ? decide : canary(decide, world),
    onActions: (actions) => {
      trace.update(JSON.stringify(actions));
      checkActions(world, actions, switches.frozen);
    },
  });
  const happened = new Map<Happening, number>();
  let second = 0;
  const pass = () => {
    second += 1;
    const before = world.status();
    run.pass(1);
    checkTrust(world);
    checkResults(world);
    if (world.status() !== before) checkStatus(world);
  };
  const weather = () => {
    for (; second < storm; ) {
      for (const name of happen(world, random, switches)) happened.set(name, (happened.get(name) ?? 0) + 1);
      pass();
    }
  };
  const calm = () => {
    world.nodes.stalled.clear();
    world.nodes.cordoned.clear();
    world.nodes.moved.clear();
    switches.frozen = false;
    world.nodes.traffic.batches = 40;
    world.edit((spec) => ({
      ...onRelease(LAST_RELEASE)(spec),
      ...{ paused: false, hibernate: false },
      rollout: { ...spec.rollout, windows: [] },
    }));
    for (const end = second + CALM_SECONDS; !isAsWanted(world); ) {
      assert(second < end, `what was wanted last runs at the latest after ${CALM_SECONDS} s; ${waits()}`);
      pass();
    }
    for (let look = 0; look < STEADY_LOOKS; look += 1) pass();
    assert(run.look().actions.length === 0, "a steady cluster costs no write");
    assert(isAsWanted(world), "what was wanted stays");
  };
  const waits = () => `it waits for ${JSON.stringify(world.status().waitingFor)}`;
  let violation: string | undefined;
  try {
    weather();
    calm();
  } catch (cause) {
    violation = `second ${second}: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
  const rollouts = world.rollouts();
  const zero = {
    release: 0,
    pause: 0,
    resume: 0,
    retry: 0,
    word: 0,
    hang: 0,
    wake: 0,
    drain: 0,
    uncordon: 0,
    ...{ loseVolume: 0, emptyVolume: 0, loseHost: 0, damage: 0 },
    rotate: 0,
    ...{ sleep: 0, rouse: 0 },
    ...{ repush: 0, restore: 0, freeze: 0, thaw: 0, window: 0, observers: 0 },
  };
  return {
    trace: trace.digest("hex"),
    violation,
    counts: {
      ...{ ...zero, meddle: 0, traffic: 0, ...Object.fromEntries(happened) },
      crash: run.crashes(),
      staleLook: run.staleLooks(),
      deposedLook: run.deposedLooks(),
      rollout: rollouts.length,
      rollback: rollouts.filter(({ status }) => status.state === "RolledBack").length,
    },
  };
}
