import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { unreachable } from "../base/assert.ts";
import { exitOnSignals } from "./at-exit.ts";
import { benchCoherence, COHERENCE_USAGE, parseCoherence } from "./coherence-bench.ts";
import { describeMachine, loadAverage } from "./machine.ts";
import { benchNode } from "./node-bench.ts";
import { BENCH_USAGE, parseBench } from "./options.ts";
import { markdownTable, textTable, writeMarked } from "./report.ts";
import type { Samples } from "./results.ts";

const DOCUMENT = join(import.meta.dirname, "..", "..", "docs", "benchmarks.md");

const USAGES = { node: BENCH_USAGE, coherence: COHERENCE_USAGE } as const;
type Subject = keyof typeof USAGES;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

async function main([what = "", ...args]: readonly string[]): Promise<number> {
  if (!isSubject(what)) return wrong(`nothing to measure: ${what}`, Object.values(USAGES));
  if (args.includes("--help")) {
    process.stdout.write(USAGES[what]);
    return 0;
  }
  switch (what) {
    case "node":
      return node(args);
    case "coherence":
      return coherence(args);
    default:
      return unreachable(what);
  }
}

const isSubject = (what: string): what is Subject => Object.hasOwn(USAGES, what);

async function node(args: readonly string[]): Promise<number> {
  const parsed = parseBench(args);
  if (!parsed.ok) return wrong(parsed.detail ?? parsed.reason, [BENCH_USAGE]);
  const { accounts, measureMs } = parsed.value;
  const session = await benchNode(parsed.value, print);
  const facts = [`${accounts} accounts, each row measured ${measureMs / 1_000} s a round`, ...session.notes];
  return tell("node", { ...parsed.value, samples: session.samples, facts });
}

function coherence(args: readonly string[]): number {
  const parsed = parseCoherence(args);
  if (!parsed.ok) return wrong(parsed.detail ?? parsed.reason, [COHERENCE_USAGE]);
  const samples = benchCoherence(parsed.value, print);
  const facts = [
    `one thread, per second of its processor time, each row measured ${parsed.value.measureMs / 1_000} s a round`,
    "floor of a parity row: twice the rate of an earlier implementation at the same work",
    `load average at the end: ${loadAverage().toFixed(2)}`,
  ];
  return tell("coherence", { ...parsed.value, samples, facts });
}

function tell(
  subject: Subject,
  told: {
    readonly samples: Samples;
    readonly facts: readonly string[];
    readonly jsonFile: string | undefined;
    readonly writeDocs: boolean;
  },
): number {
  const results = told.samples.results();
  const facts = [`machine: ${describeMachine()}`, ...told.facts];
  process.stdout.write(`\n${facts.join("\n")}\n\n${textTable(results)}\n`);
  if (told.jsonFile !== undefined) {
    const written = results.map(({ aim: _, ...result }) => result);
    writeFileSync(told.jsonFile, `${JSON.stringify(written, undefined, 2)}\n`);
  }
  const listed = facts.map((fact) => `- ${fact}`).join("\n");
  if (told.writeDocs) writeMarked(DOCUMENT, subject, `\n${listed}\n\n${markdownTable(results)}\n`);
  return 0;
}

function wrong(reason: string, usages: readonly string[]): number {
  process.stderr.write(`bench: ${reason}\nusage: ${usages.join("\nor: ")}`);
  return 2;
}

exitOnSignals();
process.exitCode = await main(process.argv.slice(2));
