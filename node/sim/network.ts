import type { Random } from "../base/random.ts";
import type { FaultCounts } from "./faults.ts";
import type { Scenario } from "./scenario.ts";

/** The wires between nodes. Worse than TCP: frames vanish, come twice, overtake each other, whole groups are cut off. */
export type Network = {
  /** When the frame arrives, each number one copy; empty if it is lost. */
  deliveries(from: number, to: number, nowMs: number): readonly number[];
  /** Puts some nodes on the other side of a wall, or takes the wall away. */
  partition(side: ReadonlySet<number>): void;
  heal(): void;
};

/** Of frames from and to a validator under denial of service one in so many passes. */
const DENIED_PASS_IN = 8;

export function createNetwork(scenario: Scenario, random: Random, faults: FaultCounts): Network {
  let side: ReadonlySet<number> = new Set();
  let healed = false;
  const lastArrival = new Map<string, number>();
  return {
    partition: (nodes) => {
      side = nodes;
    },
    heal: () => {
      healed = true;
      side = new Set();
    },
    deliveries: (from, to, nowMs) => {
      if (healed) return [nowMs + 1 + random.below(10)];
      if (side.has(from) !== side.has(to)) return [];
      if ((scenario.denied === from || scenario.denied === to) && !random.oneIn(DENIED_PASS_IN)) {
        faults["frame denied"] += 1;
        return [];
      }
      if (random.oneIn(scenario.lossIn)) {
        faults["frame lost"] += 1;
        return [];
      }
      const slow = random.oneIn(scenario.slowIn) ? random.below(1500) : 0;
      const arrivals = [nowMs + 1 + random.below(20) + slow];
      if (random.oneIn(scenario.duplicateIn)) {
        faults["frame doubled"] += 1;
        arrivals.push(nowMs + 1 + random.below(3000));
      }
      const wire = `${from} ${to}`;
      const last = lastArrival.get(wire) ?? 0;
      if (arrivals.some((at) => at < last)) faults["frame overtaken"] += 1;
      lastArrival.set(wire, Math.max(last, ...arrivals));
      return arrivals;
    },
  };
}

/** Wires that a wall cuts, and a repair mends, all at once. */
export const together = (networks: readonly Network[]): Pick<Network, "partition" | "heal"> => ({
  partition: (side) => {
    for (const network of networks) network.partition(side);
  },
  heal: () => {
    for (const network of networks) network.heal();
  },
});
