import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { describeMachine, loadAverage } from "../../node/bench/machine.ts";
import { markdownTable, textTable, writeMarked } from "../../node/bench/report.ts";
import { runProgram } from "../kit/children.ts";
import { ROOT } from "../kit/examples.ts";
import { openProgress } from "../kit/progress.ts";
import { benchOperator } from "./operator-bench.ts";

const USAGE = `npm run bench -- operator [flags]

  --clusters N    HmnClusters of five validators (1000)
  --rollouts N    of them get a bad release at once (50, at most all)
  --rest SECONDS  how long the operator is watched at rest (60)
  --json FILE     writes [{name, value, unit, better, min, max, runs, target}]
  --write-docs    puts the results into docs/benchmarks.md
`;

async function main(args: readonly string[]): Promise<number> {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { clusters: text, rollouts: text, rest: text, json: text, "write-docs": flag, help: flag },
  });
  const clusters = Number(values.clusters ?? 1000);
  const rollouts = Math.min(clusters, Number(values.rollouts ?? 50));
  const restSeconds = Number(values.rest ?? 60);
  const usable = [clusters, rollouts, restSeconds].every((number) => Number.isInteger(number) && number > 0);
  if (values.help === true || !usable) {
    process.stdout.write(USAGE);
    return usable ? 0 : 2;
  }
  const before = loadAverage();
  const progress = openProgress();
  const samples = await benchOperator({ clusters, rollouts, restSeconds }, progress.phase("bench"));
  progress.close();
  const results = samples.results();
  const facts = [
    `machine: ${describeMachine()}`,
    `${clusters} clusters of five validators, ${rollouts} bad releases at once, ${restSeconds} s at rest`,
    "API server, controllers, scheduler and all validators, which are played, run on the same cores",
    `load average before: ${before.toFixed(2)}`,
    `load average after: ${loadAverage().toFixed(2)}, the bench's own load included`,
  ];
  process.stdout.write(`\n${facts.join("\n")}\n\n${textTable(results)}\n`);
  if (values.json !== undefined) {
    const written = results.map(({ aim: _, ...result }) => result);
    writeFileSync(values.json, `${JSON.stringify(written, undefined, 2)}\n`);
  }
  const listed = facts.map((fact) => `- ${fact}`).join("\n");
  if (values["write-docs"] === true)
    writeMarked(join(ROOT, "docs/benchmarks.md"), "operator", `\n${listed}\n\n${markdownTable(results)}\n`);
  return 0;
}

runProgram(main);
