import type { Shape } from "./scenario.ts";
import { FAULT_KINDS } from "./weather.ts";

/** What decides a run: replaying it needs nothing else. */
export type Case = { readonly seed: number; readonly stormMs: number; readonly shape: Shape };

const STORM_MS_MIN = 1_000;
const NODES_MIN = 4;

/** The arguments that replay a case. */
export function argumentsOf({ seed, stormMs, shape: { nodes, without = [] } }: Case): string {
  const more = [
    ...(nodes === undefined ? [] : [`--nodes ${nodes}`]),
    ...(without.length === 0 ? [] : [`--without ${without.join(",")}`]),
  ];
  return [`--seed ${seed} --storm ${stormMs / 1000}`, ...more].join(" ");
}

/** A case that still fails with fewer kinds of fault, a shorter storm and fewer nodes: no single step makes it smaller. */
export function shrink(failing: Case, stillFails: (smaller: Case) => boolean): Case {
  let best = failing;
  for (let before: Case | undefined; before !== best; ) {
    before = best;
    for (const step of STEPS) {
      // Halving goes on while it helps; leaving out a kind helps once.
      for (let next = step(best); next !== undefined; next = step(best)) {
        if (!stillFails(next)) break;
        best = next;
      }
    }
  }
  return best;
}

/** Ways to make a case smaller; undefined where there is nothing left to take away. What makes the next tries shorter comes first. */
const STEPS: readonly ((one: Case) => Case | undefined)[] = [
  (one) => {
    // Whole seconds, as the command takes them.
    const stormMs = Math.max(STORM_MS_MIN, Math.ceil(one.stormMs / 2_000) * 1_000);
    return stormMs < one.stormMs ? { ...one, stormMs } : undefined;
  },
  ({ shape, ...one }) => {
    if (shape.nodes === NODES_MIN || shape.bonds !== undefined) return undefined;
    return { ...one, shape: { ...shape, nodes: shape.nodes === undefined ? NODES_MIN : shape.nodes - 1 } };
  },
  ...FAULT_KINDS.map((kind) => ({ shape, ...one }: Case): Case | undefined => {
    const { without = [] } = shape;
    return without.includes(kind) ? undefined : { ...one, shape: { ...shape, without: [...without, kind] } };
  }),
];
