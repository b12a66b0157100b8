import { parseArgs } from "node:util";
import { CANARIES } from "./canaries.ts";
import { type Counts, type Outcome, runSwarm, type SwarmOptions } from "./swarm.ts";

const USAGE = `npm run sim -- operator [--seeds N] [--seed S] [--nodes N] [--storm SECONDS] [--canaries]
Runs the production decisions of the operator on a modelled cluster per seed, through a storm of users' changes, hosts that hang
and drain, its own crashes and old views, and checks it. Each seed runs twice.
  --seeds N    seeds to run, from --seed on (default 20)
  --seed S     first seed (default 1); alone it is a replay
  --nodes N    validators of each cluster, 4 or more (default: drawn from the seed, 4 to 7)
  --storm S    simulated seconds of trouble, before everything has to come right (default 600)
  --canaries   runs the deliberately broken operators instead: each has to be caught`;

class UsageError extends Error {}

function parse(args: readonly string[]) {
  const string = { type: "string" } as const;
  const boolean = { type: "boolean", default: false } as const;
  const options = { seeds: string, seed: string, nodes: string, storm: string, canaries: boolean, help: boolean };
  const { values } = parseArgs({ args: [...args], options });
  const first = whole(values.seed ?? "1", "seed", 0);
  const count = whole(values.seeds ?? (values.seed === undefined ? "20" : "1"), "seeds", 1);
  const shape = {
    storm: whole(values.storm ?? "600", "storm", 1),
    ...(values.nodes === undefined ? {} : { nodes: whole(values.nodes, "nodes", 4) }),
  };
  return { first, count, shape, canaries: values.canaries, help: values.help, wantsAll: values.seed === undefined };
}

function whole(text: string, name: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(`--${name} ${text}: a whole number of at least ${least} is needed`);
}

function runTwice(options: SwarmOptions): Outcome {
  const once = runSwarm(options);
  const again = runSwarm(options);
  return once.trace === again.trace ? once : { ...once, violation: "two runs of the seed differ" };
}

function runSeeds({ first, count, shape, wantsAll }: ReturnType<typeof parse>): number {
  const totals: Record<string, number> = {};
  for (let seed = first; seed < first + count; seed += 1) {
    const { violation, trace, counts } = runTwice({ seed, ...shape });
    if (violation !== undefined) {
      const flags = Object.entries(shape).map(([name, value]) => `--${name} ${value}`);
      console.error(
        `seed ${seed} failed: ${violation}\nreplay it: npm run sim -- operator --seed ${seed} ${flags.join(" ")}`,
      );
      return 1;
    }
    for (const [name, times] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + times;
    console.log(`seed ${seed}: ${summary(counts)}, trace ${trace.slice(0, 12)}`);
  }
  console.log(`${count} seeds, each twice, no violation`);
  for (const [name, times] of Object.entries(totals)) console.log(`  ${String(times).padStart(8)}  ${name}`);
  const missing = Object.keys(totals).filter((name) => totals[name] === 0);
  if (!wantsAll || missing.length === 0) return 0;
  console.error(`these never happened, so the run proves nothing about them: ${missing.join(", ")}`);
  return 1;
}

const summary = ({ release, rollout, rollback, crash }: Counts): string =>
  `${release} changes, ${rollout} rollouts, ${rollback} rolled back, ${crash} crashes`;

function runCanaries({ shape }: ReturnType<typeof parse>): number {
  for (const [name, { seeds, breaks }] of Object.entries(CANARIES)) {
    const found = firstViolation(seeds, { ...shape, canary: breaks });
    if (found === undefined) {
      console.error(`${name}: not caught in ${seeds} seeds`);
      return 1;
    }
    console.log(`${name}: caught by seed ${found.seed} of ${seeds}: ${found.violation}`);
  }
  return 0;
}

function firstViolation(seeds: number, options: Omit<SwarmOptions, "seed">) {
  for (let seed = 1; seed <= seeds; seed += 1) {
    const { violation } = runSwarm({ seed, ...options });
    if (violation !== undefined) return { seed, violation };
  }
  return undefined;
}

try {
  const asked = parse(process.argv.slice(2));
  if (asked.help) console.log(USAGE);
  else process.exitCode = asked.canaries ? runCanaries(asked) : runSeeds(asked);
} catch (cause) {
  if (!(cause instanceof UsageError) && !(cause instanceof TypeError && "code" in cause)) throw cause;
  console.error(`${cause.message}\n\n${USAGE}`);
  process.exitCode = 2;
}
