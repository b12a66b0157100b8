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
  for (let next: Case | undefined = best; next !== undefined; ) {
    next = smallerThan(best).find(stillFails);
    best = next ?? best;
  }
  return best;
}

/** One step smaller, the steps that leave out most first. */
function smallerThan({ seed, stormMs, shape }: Case): Case[] {
  const { without = [], nodes } = shape;
  // Whole seconds, as the command takes them.
  const shorter = Math.max(STORM_MS_MIN, Math.ceil(stormMs / 2_000) * 1_000);
  return [
    ...(shorter < stormMs ? [{ seed, stormMs: shorter, shape }] : []),
    ...(nodes === NODES_MIN || shape.bonds !== undefined
      ? []
      : [{ seed, stormMs, shape: { ...shape, nodes: nodes === undefined ? NODES_MIN : nodes - 1 } }]),
    ...FAULT_KINDS.filter((kind) => !without.includes(kind)).map((kind) => ({
      seed,
      stormMs,
      shape: { ...shape, without: [...without, kind] },
    })),
  ];
}
