import { parseArgs } from "node:util";
import { SOUND_RULES } from "../../consensus/rules.ts";
import { MODEL_CANARIES, SEARCHES } from "./bounds.ts";
import { type Exploration, explore } from "./explore.ts";
import { networkOf } from "./network.ts";

export const MODEL_USAGE = `npm run sim -- model [--states N] [--search TEXT] [--canaries]
Explores every state that a small network of the production consensus can be in, one liar and crashes included, and checks
agreement in each and liveness from some.
  --states N     states at most in each search (default 1000000)
  --search TEXT  only the searches whose name contains TEXT
  --canaries     explores the deliberately broken networks instead: each has to be caught`;

const PROGRESS_MS = 2_000;
/** Liveness is tried from one state of so many. */
const LIVENESS_EVERY = 500;

/** The exit code: 0 if nothing is wrong, and the broken networks are. */
export function modelCommand(args: readonly string[]): number {
  const { values } = parseArgs({
    args: [...args],
    options: {
      states: { type: "string", default: "1000000" },
      search: { type: "string", default: "" },
      canaries: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const statesMax = Number(values.states);
  const searches = SEARCHES.filter(({ name }) => name.includes(values.search));
  if (values.help || !Number.isSafeInteger(statesMax) || statesMax < 1 || searches.length === 0) {
    console.log(MODEL_USAGE);
    return values.help ? 0 : 2;
  }
  return values.canaries ? runCanaries(statesMax) : runSearches(searches, statesMax);
}

function runSearches(searches: typeof SEARCHES, statesMax: number): number {
  let states = 0;
  let transitions = 0;
  const began = performance.now();
  for (const { name, bounds } of searches) {
    const found = timed(name, (onProgress) =>
      explore(networkOf(bounds, SOUND_RULES), { statesMax, livenessEvery: LIVENESS_EVERY, onProgress }),
    );
    states += found.states;
    transitions += found.transitions;
    if (found.violation !== undefined) return tell(name, found.violation);
  }
  const seconds = (performance.now() - began) / 1000;
  const memory = Math.round(process.memoryUsage.rss() / 2 ** 20);
  console.log(
    `${searches.length} searches, ${states} states, ${transitions} transitions, no violation: ` +
      `${seconds.toFixed(0)} s, ${Math.round(states / seconds)} states/s, ${memory} MB`,
  );
  return 0;
}

function runCanaries(statesMax: number): number {
  for (const { name, network, caughtBy } of MODEL_CANARIES) {
    const { violation } = timed(name, (onProgress) =>
      explore(network, { statesMax, livenessEvery: LIVENESS_EVERY, onProgress }),
    );
    if (violation === undefined || !caughtBy.some((check) => violation.what.startsWith(`${check}:`))) {
      console.error(`not caught: ${name}${violation === undefined ? "" : `, but instead: ${violation.what}`}`);
      return 1;
    }
    tell("caught", violation);
  }
  return 0;
}

function timed(name: string, run: (onProgress: (states: number, waiting: number) => void) => Exploration): Exploration {
  const began = performance.now();
  const seconds = (): string => ((performance.now() - began) / 1000).toFixed(1);
  let toldAt = began;
  const found = run((states, waiting) => {
    if (performance.now() - toldAt < PROGRESS_MS) return;
    toldAt = performance.now();
    console.log(`  ${name}: ${states} states, ${waiting} to go on from (${seconds()} s)`);
  });
  const { states, transitions, complete, locals, steps, livenessTried, finalHeight, offences } = found;
  console.log(
    `${name}: ${states} states${complete ? ", all there are" : ""}, ${transitions} transitions, ` +
      `${locals.join("+")} local states, ${steps} steps of the code, liveness from ${livenessTried}, ` +
      `height ${finalHeight}${offences === 0 ? "" : `, ${offences} offences proved`} (${seconds()} s)`,
  );
  return found;
}

function tell(name: string, { what, trace }: NonNullable<Exploration["violation"]>): number {
  console.error(`${name}: ${what}`);
  for (const [index, step] of trace.entries()) console.error(`  ${index + 1}. ${step}`);
  return 1;
}
