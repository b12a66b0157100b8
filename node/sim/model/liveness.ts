import { present } from "../../base/assert.ts";
import type { Input, Said } from "./input.ts";
import { apply, lookAt, type Machine } from "./machine.ts";
import { cloneMachine } from "./machine-state.ts";
import { isTwoThirds, type Network } from "./network.ts";

/** Time between two looks at the clock, and how long a network may take: several views with a silent leader, and two good ones. */
const ROUND_MS = 500;
const ROUNDS_MAX = 240;

export type Life = "lives" | "stuck" | "too-few-voters";

/**
 * From some state on the network is synchronous: whatever is said from now on arrives, all that was under way before is lost,
 * and the liar is silent. Then a block above all that are final now has to become final everywhere.
 */
export function comesToLife(network: Network, from: readonly Machine[]): Life {
  const machines = new Map(network.honest.map((id, i) => [id, cloneMachine(present(from[i], "one machine each"))]));
  const looks = () => [...machines].map(([id, machine]) => ({ id, ...lookAt(network, machine) }));
  const before = looks();
  let voting = 0;
  for (const { id, votes } of before) if (votes) voting += network.weights[id] ?? 0;
  if (!isTwoThirds(network.weights, voting)) return "too-few-voters";
  const goal = Math.max(...before.map(({ certifiedHeight }) => certifiedHeight)) + 1;
  for (let round = 1; round <= ROUNDS_MAX; round++) {
    settleAll(network, machines, round * ROUND_MS);
    if (looks().every(({ height }) => height >= goal)) return "lives";
  }
  return "stuck";
}

/** One look at the clock by everybody, and then every message that follows from it, until nobody has anything to say. */
function settleAll(network: Network, machines: ReadonlyMap<number, Machine>, nowMs: number): void {
  type Letter = { readonly to: number; readonly input: Input };
  const letters: Letter[] = [...machines.keys()].map((to) => ({ to, input: { type: "time" } }));
  const post = (from: number, { messages }: Said): void => {
    for (const { to, message } of messages) {
      for (const id of machines.keys()) {
        if (id !== from && (to === undefined || to === id))
          letters.push({ to: id, input: { type: "message", from, message } });
      }
    }
  };
  for (let next = letters.shift(); next !== undefined; next = letters.shift()) {
    const machine = machines.get(next.to);
    if (machine !== undefined) post(next.to, apply(network, machine, next.input, nowMs));
  }
  // Catching up by records is the sync room's part: here the missing ones are simply there.
  for (const [id, machine] of machines) {
    const ahead = [...machines.values()].find(({ records }) => records.length > machine.records.length);
    for (const record of ahead?.records.slice(machine.records.length) ?? [])
      post(id, apply(network, machine, { type: "record", record }, nowMs));
  }
}
