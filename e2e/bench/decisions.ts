import { millis } from "../../node/base/units.ts";
import { decide } from "../../operator/reconcile/decide.ts";
import { createWorld } from "../../operator/reconcile/world.ts";
import { createRunner } from "../../operator/reconcile/world-run.ts";
import { specOf } from "../played/whole-rollout.ts";

const VALIDATORS = 5;
/** Of traffic in the model: as many samples as are looked at. */
const TRAFFIC_SECONDS = 120;
/** V8 compiles what is used often; an operator of many clusters has come there within a minute. */
const WARM_UP = 5_000;
const DECISIONS = 10_000;

/** Decisions about a cluster at rest, which do nothing, in a second of this thread's processor time. */
export function decisionsPerSecond(): number {
  const spec = { ...specOf("1.0.0"), validators: { replicas: VALIDATORS } };
  const world = createWorld({ spec, behaviour: () => ({ latencySeconds: 0.004, pullable: true }) });
  const run = createRunner(world, { seed: 0n, faults: false });
  run.until("deployed", () => world.status().conditions?.find(({ type }) => type === "Ready")?.status === "True");
  run.pass(TRAFFIC_SECONDS);
  const snapshot = world.snapshot();
  const look = (times: number): void => {
    for (let turn = 0; turn < times; turn += 1) {
      const { actions } = decide({ ...snapshot, now: millis(snapshot.now + (turn % 10)) });
      if (actions.length > 0) throw new Error(`a cluster at rest is acted on: ${actions.map(({ type }) => type)}`);
    }
  };
  look(WARM_UP);
  const before = process.cpuUsage();
  look(DECISIONS);
  const { user, system } = process.cpuUsage(before);
  return (1e6 * DECISIONS) / (user + system);
}
