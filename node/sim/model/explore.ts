import { present } from "../../base/assert.ts";
import { createCounter, faultOf } from "./agreement.ts";
import { comesToLife } from "./liveness.ts";
import { createLocals, type Local } from "./locals.ts";
import { type Chances, createChances, createMoves } from "./moves.ts";
import type { Network } from "./network.ts";
import { createTuples } from "./tuples.ts";
import { createVocabulary } from "./vocabulary.ts";

export type Exploration = {
  /** Different states of the whole network, none counted twice. */
  readonly states: number;
  /** Steps between them that were followed. */
  readonly transitions: number;
  /** Every state within the bounds was seen; else the limit came first. */
  readonly complete: boolean;
  /** States of each honest validator by itself, and the times that the production code ran for them. */
  readonly locals: readonly number[];
  readonly steps: number;
  /** Bytes of the set of states; the local states come on top. */
  readonly bytes: number;
  /** States from which liveness was tried, those aside where too little weight may vote. */
  readonly livenessTried: number;
  readonly finalHeight: number;
  /** Offences that final blocks of one chain proved, at most. */
  readonly offences: number;
  readonly violation: { readonly what: string; readonly trace: readonly string[] } | undefined;
};

export type Limits = {
  readonly statesMax: number;
  /** Liveness is tried from one of so many states, and from one of so many that have no way on within the bounds. */
  readonly livenessEvery: number;
  readonly onProgress?: (states: number, waiting: number) => void;
};

const PROGRESS_EVERY = 4096;

/**
 * Breadth first through the states that the network can be in: any order of arrival, any delay, any loss, every word of
 * the liar, every moment for a clock to strike and for a node to crash. What was said stays on offer for ever, so a message
 * that is lost is one that never comes. Each validator's production code runs once per local state and event; a state of
 * the network is a tuple of local states, and silent steps are put off (moves.ts).
 */
export function explore(network: Network, { statesMax, livenessEvery, onProgress }: Limits): Exploration {
  const vocabulary = createVocabulary(network);
  const validators = network.honest.map((id) => {
    const locals = createLocals(network, id, vocabulary);
    return { id, locals, moves: createMoves(network, locals) };
  });
  const counted = createCounter(network, vocabulary);
  const chancesOf = createChances(network, vocabulary.fromTheStart);
  const states = createTuples(validators.length);
  const here = new Uint32Array(validators.length);
  const next = new Uint32Array(validators.length);
  const localsOf = (tuple: Uint32Array): Local[] => validators.map(({ locals }, i) => locals.get(tuple[i] ?? 0));
  let transitions = 0;
  let livenessTried = 0;
  let ends = 0;
  let finalHeight = 0;
  let offences = 0;
  let index = 0;
  let violation: Exploration["violation"];

  states.add(here, 0);
  for (; index < states.size() && states.size() < statesMax && violation === undefined; index++) {
    states.read(index, here);
    const locals = localsOf(here);
    const standing = counted(locals);
    const fault = faultOf(locals, standing, vocabulary.tellBallot);
    if (fault !== undefined) {
      violation = { what: fault, trace: traceTo(index) };
      break;
    }
    const chances = chancesFor(locals);
    let ways = 0;
    next.set(here);
    for (const [i, { moves }] of validators.entries()) {
      const from = here[i] ?? 0;
      for (const to of moves.from(from, chances)) {
        ways += 1;
        next[i] = to;
        states.add(next, index);
      }
      next[i] = from;
    }
    transitions += ways;
    // By the votes cast: that a node hears of it is a silent step, and the last ones are put off for ever.
    finalHeight = Math.max(finalHeight, standing.finalHeight);
    offences = Math.max(offences, standing.offences);
    if (ways === 0) ends += 1;
    if (ways === 0 ? ends % livenessEvery === 1 : index % livenessEvery === 0) {
      const life = comesToLife(
        network,
        locals.map(({ machine }) => machine),
      );
      if (life === "lives") livenessTried += 1;
      if (life === "stuck") violation = { what: "liveness: no block becomes final", trace: traceTo(index) };
    }
    if (index % PROGRESS_EVERY === 0) onProgress?.(states.size(), states.size() - index);
  }
  return {
    states: states.size(),
    transitions,
    complete: violation === undefined && index === states.size(),
    locals: validators.map(({ locals }) => locals.size()),
    steps: validators.reduce((sum, { locals }) => sum + locals.steps(), 0),
    bytes: states.bytes(),
    livenessTried,
    finalHeight,
    offences,
    violation,
  };

  function chancesFor(locals: readonly Local[]): Chances {
    const certificates = network.singleVotes ? [] : counted(locals).certificates;
    return chancesOf(
      locals,
      certificates.map((ballot) => vocabulary.certificate(ballot)),
    );
  }

  /** How the search came to a state, in words: one shortest way. */
  function traceTo(target: number): string[] {
    const parts: string[][] = [];
    const before = new Uint32Array(validators.length);
    const after = new Uint32Array(validators.length);
    for (let at = target; at !== 0; at = states.cameFrom(at)) {
      states.read(at, after);
      states.read(states.cameFrom(at), before);
      const i = before.findIndex((value, which) => value !== after[which]);
      const { id, moves } = present(validators[i], "one validator moved");
      const way = moves.way(before[i] ?? 0, after[i] ?? 0, chancesFor(localsOf(before)));
      parts.push(way.map((event) => `validator ${id}: ${vocabulary.events[event]?.label}`));
    }
    return parts.toReversed().flat();
  }
}
