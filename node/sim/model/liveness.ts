import { apply, type Input, lookAt, type Machine, type Said } from "./machine.ts";
import { cloneMachine } from "./machine-state.ts";
import { isTwoThirds, type Network, weightsIn } from "./network.ts";

/** Time between two looks at the clock, and how long a network may take: several views with a silent leader, and two good ones. */
const ROUND_MS = 500;
const ROUNDS_MAX = 240;

export type Life = "lives" | "stuck" | "too-few-voters";

/**
 * From some state on the network is synchronous: whatever is said from now on arrives, all that was under way before is lost,
 * and the liar is silent. Then a block above all that are final now has to become final everywhere.
 */
export function comesToLife(network: Network, from: readonly Machine[]): Life {
  const machines = from.map(cloneMachine);
  // One that waits for a view beyond its lost votes may keep the others from ever getting there (rule 3).
  const voting = machines.filter((machine) => lookAt(network, machine).mayVote);
  const epochs = new Set(machines.map(({ state }) => state.epoch));
  const enough = [...epochs].every((epoch) => {
    const weights = weightsIn(network, epoch);
    const weight = voting.reduce((sum, { state }) => sum + (weights[state.config.validator] ?? 0), 0);
    return isTwoThirds(weights, weight);
  });
  if (!enough) return "too-few-voters";
  const goal = Math.max(...machines.map((machine) => lookAt(network, machine).certifiedHeight)) + 1;
  for (let round = 1; round <= ROUNDS_MAX; round++) {
    settleAll(network, machines, round * ROUND_MS);
    if (machines.every((machine) => lookAt(network, machine).height >= goal)) return "lives";
  }
  return "stuck";
}

/** One look at the clock by everybody, and then every message that follows from it, until nobody has anything to say. */
function settleAll(network: Network, machines: readonly Machine[], nowMs: number): void {
  type Letter = { readonly to: number; readonly input: Input };
  const letters: Letter[] = machines.map((_, to) => ({ to, input: { type: "time" } }));
  const post = (from: number, { messages }: Said): void => {
    const by = machines[from]?.state.config.validator ?? from;
    for (const message of messages) {
      for (const to of machines.keys())
        if (to !== from) letters.push({ to, input: { type: "message", message, from: by } });
    }
  };
  for (let next = letters.shift(); next !== undefined; next = letters.shift()) {
    const machine = machines[next.to];
    if (machine !== undefined) post(next.to, apply(network, machine, next.input, nowMs));
  }
  // Catching up by records is the sync room's part: here the missing ones are simply there.
  for (const [at, machine] of machines.entries()) {
    const ahead = machines.find((other) => lookAt(network, other).height > lookAt(network, machine).height);
    for (const record of ahead?.records.slice(machine.records.length) ?? [])
      post(at, apply(network, machine, { type: "record", record }, nowMs));
  }
}
