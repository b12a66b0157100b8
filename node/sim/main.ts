import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { addFaults, FAULTS, noFaults } from "./faults.ts";
import { MODEL_USAGE, modelCommand } from "./model/command.ts";
import { type Runners, startRunners } from "./runners.ts";
import { argumentsOf, type Case, shrink } from "./shrink.ts";
import { runTwice, type Verdict } from "./twice.ts";
import { FAULT_KINDS, type FaultKind } from "./weather.ts";

const USAGE = `npm run sim -- [--seeds N] [--seed S] [--nodes N] [--storm SECONDS] [--without KINDS] [--jobs N] [--json FILE]
Runs a whole network per seed in one process, through a storm of faults, and checks it. Each seed runs twice, and has a mix of
faults of its own. A seed that fails is shrunk, and printed with the command that replays it.
  --seeds N        seeds to run, from --seed on (default 20)
  --seed S         first seed (default 1); alone it is a replay
  --nodes N        validators in each network, 4 or more (default: drawn from the seed, 4 to 7)
  --storm S        simulated seconds of faults, before everything has to come right (default 60)
  --without KINDS  faults that no seed has, by comma: ${FAULT_KINDS.join(", ")}
  --jobs N         seeds at work at the same time (default 1)
  --json FILE      writes a summary

${MODEL_USAGE}`;

const PROGRESS_MS = 2_000;

type Failure = { readonly seed: number; readonly violation: string; readonly replay: string };
type Totals = { seeds: number; height: number; acknowledged: number; simulatedMs: number };

class UsageError extends Error {}

function whole(text: string, name: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(`--${name} ${text}: a whole number of at least ${least} is needed`);
}

function kindsOf(text: string): readonly FaultKind[] {
  return text.split(",").map((name) => {
    const kind = FAULT_KINDS.find((each) => each === name);
    if (kind === undefined) throw new UsageError(`--without ${name}: there is no such kind of fault`);
    return kind;
  });
}

function parse(args: readonly string[]) {
  const string = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: string,
      seed: string,
      nodes: string,
      storm: { ...string, default: "60" },
      without: string,
      jobs: { ...string, default: "1" },
      json: string,
      help: { type: "boolean", default: false },
    },
  });
  const first = whole(values.seed ?? "1", "seed", 0);
  // A named seed alone is a replay; without one it is a run.
  const count = whole(values.seeds ?? (values.seed === undefined ? "20" : "1"), "seeds", 1);
  const shape = {
    ...(values.nodes === undefined ? {} : { nodes: whole(values.nodes, "nodes", 4) }),
    ...(values.without === undefined ? {} : { without: kindsOf(values.without) }),
  };
  const stormMs = whole(values.storm, "storm", 1) * 1000;
  const cases = Array.from({ length: count }, (_, index): Case => ({ seed: first + index, stormMs, shape }));
  // What a replay or a calmer run misses, it was not meant to have.
  const wantsAll = values.seed === undefined && values.without === undefined;
  return { cases, wantsAll, jobs: whole(values.jobs, "jobs", 1), json: values.json, help: values.help };
}

async function runAll(cases: readonly Case[], runners: Runners) {
  const faults = noFaults();
  const totals: Totals = { seeds: 0, height: 0, acknowledged: 0, simulatedMs: 0 };
  const began = performance.now();
  const elapsed = (): string => `${((performance.now() - began) / 1000).toFixed(1)} s`;
  let failed: { one: Case; verdict: Verdict } | undefined;
  const progress = setInterval(() => {
    const now = runners.running().map(({ one, sinceMs }) => {
      return `seed ${one.seed} for ${((performance.now() - sinceMs) / 1000).toFixed(0)} s`;
    });
    console.log(`  ${totals.seeds} of ${cases.length} seeds done; ${now.join(", ")} (${elapsed()})`);
  }, PROGRESS_MS);
  const done = (one: Case, verdict: Verdict): void => {
    if (verdict.failure !== undefined) failed ??= { one, verdict };
    addFaults(faults, verdict.faults);
    totals.seeds += 1;
    totals.height += verdict.height;
    totals.acknowledged += verdict.acknowledged;
    totals.simulatedMs += verdict.simulatedMs;
    if (verdict.failure !== undefined) return;
    console.log(
      `seed ${one.seed}: ${(verdict.simulatedMs / 1000).toFixed(0)} s simulated, height ${verdict.height}, ` +
        `${verdict.acknowledged} batches, trace ${verdict.traceHash.slice(0, 12)} (${elapsed()})`,
    );
  };
  try {
    // Every thread takes the next seed when it is done with one; a failure stops them all.
    const next = cases.values();
    await runners.each(async (run) => {
      for (const one of next) {
        done(one, await run(one));
        if (failed !== undefined) return;
      }
    });
  } finally {
    clearInterval(progress);
  }
  return { faults, totals, failed };
}

/** The checker that saw it: a smaller case has to fail in the same way. */
const checkerOf = (failure: string): string => failure.slice(0, failure.indexOf(":"));

function tellFailure(one: Case, verdict: Verdict): Failure {
  const failure = verdict.failure ?? "";
  console.error(`seed ${one.seed} failed: ${failure}\nreplay it: npm run sim -- ${argumentsOf(one)}\nshrinking it`);
  let last = failure;
  const small = shrink(one, (smaller) => {
    const found = runTwice(smaller).failure;
    const same = found !== undefined && checkerOf(found) === checkerOf(failure);
    if (same) last = found;
    console.error(`  ${same ? "still fails" : "passes"}: ${argumentsOf(smaller)}`);
    return same;
  });
  const replay = `npm run sim -- ${argumentsOf(small)}`;
  console.error(`the smallest that fails: ${last}\nreplay it: ${replay}`);
  return { seed: one.seed, violation: last, replay };
}

async function main(args: readonly string[]): Promise<number> {
  const { cases, wantsAll, jobs, json, help } = parse(args);
  if (help) {
    console.log(USAGE);
    return 0;
  }
  const runners = startRunners(jobs);
  const { faults, totals, failed } = await runAll(cases, runners).finally(() => runners.close());
  const failure = failed === undefined ? undefined : tellFailure(failed.one, failed.verdict);
  const missing = wantsAll ? FAULTS.filter((fault) => faults[fault] === 0) : [];
  if (json !== undefined) {
    const passed = failure === undefined && missing.length === 0;
    writeFileSync(
      json,
      `${JSON.stringify({ passed, ...totals, faults, missing, failure: failure ?? null }, null, 2)}\n`,
    );
  }
  if (failure !== undefined) return 1;
  console.log(
    `${totals.seeds} seeds, ${totals.height} blocks, ` +
      `${totals.acknowledged} batches acknowledged and found exactly once everywhere`,
  );
  for (const fault of FAULTS) console.log(`  ${String(faults[fault]).padStart(8)}  ${fault}`);
  if (missing.length === 0) return 0;
  console.error(`these faults never happened, so the run proves nothing about them: ${missing.join(", ")}`);
  return 1;
}

const [command, ...rest] = process.argv.slice(2);
try {
  process.exitCode = command === "model" ? modelCommand(rest) : await main(process.argv.slice(2));
} catch (cause) {
  if (!(cause instanceof UsageError) && !(cause instanceof TypeError && "code" in cause)) throw cause;
  console.error(`${cause.message}\n\n${USAGE}`);
  process.exitCode = 2;
}
