import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { exitOnSignals } from "./at-exit.ts";
import { describeMachine } from "./machine.ts";
import { benchNode } from "./node-bench.ts";
import { BENCH_USAGE, parseBench } from "./options.ts";
import { markdownTable, textTable, writeMarked } from "./report.ts";

const DOCUMENT = join(import.meta.dirname, "..", "..", "docs", "benchmarks.md");

async function main([what, ...args]: readonly string[]): Promise<number> {
  if (what === "node" && args.includes("--help")) {
    process.stdout.write(BENCH_USAGE);
    return 0;
  }
  const parsed = parseBench(args);
  if (what !== "node" || !parsed.ok) {
    const reason =
      what === "node" && !parsed.ok ? (parsed.detail ?? parsed.reason) : `nothing to measure: ${what ?? ""}`;
    process.stderr.write(`bench: ${reason}\nusage: ${BENCH_USAGE}`);
    return 2;
  }
  const { jsonFile, writeDocs, accounts, measureMs } = parsed.value;
  const session = await benchNode(parsed.value, (line) => process.stdout.write(`${line}\n`));
  const results = session.samples.results();
  const facts = [
    `machine: ${describeMachine()}`,
    `${accounts} accounts, each row measured ${measureMs / 1_000} s a round`,
    ...session.notes,
  ];
  process.stdout.write(`\n${facts.join("\n")}\n\n${textTable(results)}\n`);
  if (jsonFile !== undefined) {
    const written = results.map(({ aim: _, ...result }) => result);
    writeFileSync(jsonFile, `${JSON.stringify(written, undefined, 2)}\n`);
  }
  if (writeDocs)
    writeMarked(DOCUMENT, `\n${facts.map((fact) => `- ${fact}`).join("\n")}\n\n${markdownTable(results)}\n`);
  return 0;
}

exitOnSignals();
process.exitCode = await main(process.argv.slice(2));
