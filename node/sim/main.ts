import { parseArgs } from "node:util";
import { addFaults, FAULTS, noFaults } from "./faults.ts";
import { modelCommand } from "./model/command.ts";
import { runSeed } from "./run.ts";

const USAGE = `npm run sim -- [--seeds N] [--seed S] [--nodes N] [--storm SECONDS]
Runs a whole network per seed in one process, through a storm of faults, and checks it. Each seed runs twice.
  --seeds N   seeds to run, from --seed on (default 20)
  --seed S    first seed (default 1)
  --nodes N   validators in each network, 4 or more (default: drawn from the seed, 4 to 7)
  --storm S   simulated seconds of faults, before everything has to come right (default 60)`;

const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    seed: { type: "string" },
    nodes: { type: "string" },
    storm: { type: "string", default: "60" },
    help: { type: "boolean", default: false },
  },
});

function whole(text: string, name: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  console.error(`--${name} ${text}: a whole number of at least ${least} is needed\n\n${USAGE}`);
  return process.exit(2);
}

function main(): number {
  const first = whole(values.seed ?? "1", "seed", 0);
  // A named seed alone is a replay; without one it is a run.
  const count = whole(values.seeds ?? (values.seed === undefined ? "20" : "1"), "seeds", 1);
  const nodes = values.nodes === undefined ? undefined : whole(values.nodes, "nodes", 4);
  const stormMs = whole(values.storm, "storm", 1) * 1000;
  const shape = nodes === undefined ? {} : { nodes };
  const totals = noFaults();
  let height = 0;
  let acknowledged = 0;
  const began = performance.now();
  for (let seed = first; seed < first + count; seed++) {
    const options = { seed, stormMs, shape };
    const report = runSeed(options);
    const again = runSeed(options);
    const failure =
      report.violation ??
      (report.traceHash === again.traceHash ? undefined : "two runs of the seed differ: not deterministic");
    if (failure !== undefined) {
      const more = nodes === undefined ? "" : ` --nodes ${nodes}`;
      console.error(`seed ${seed} failed: ${failure}`);
      console.error(`replay it: npm run sim -- --seed ${seed} --storm ${values.storm}${more}`);
      return 1;
    }
    addFaults(totals, report.faults);
    height += report.height;
    acknowledged += report.acknowledged;
    const elapsed = ((performance.now() - began) / 1000).toFixed(1);
    console.log(
      `seed ${seed}: ${(report.simulatedMs / 1000).toFixed(0)} s simulated, height ${report.height}, ` +
        `${report.acknowledged} batches, trace ${report.traceHash.slice(0, 12)} (${elapsed} s)`,
    );
  }
  console.log(
    `${count} seeds, ${height} blocks, ${acknowledged} batches acknowledged and found exactly once everywhere`,
  );
  for (const fault of FAULTS) console.log(`  ${String(totals[fault]).padStart(8)}  ${fault}`);
  const missing = FAULTS.filter((fault) => totals[fault] === 0);
  // A replay of one seed shows what that seed has; a run has to have everything.
  if (missing.length === 0 || values.seed !== undefined) return 0;
  console.error(`these faults never happened, so the run proves nothing about them: ${missing.join(", ")}`);
  return 1;
}

if (values.help) console.log(USAGE);
else process.exitCode = main();
