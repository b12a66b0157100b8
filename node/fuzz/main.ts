import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fromHex, toHex } from "../base/bytes.ts";
import { sha256Hex } from "../codec/hash.ts";
import { type Finding, fuzz, tryInput } from "./fuzz.ts";
import { KEPT } from "./kept.ts";
import { TARGETS } from "./targets.ts";

const USAGE = `npm run fuzz -- [--target NAME] [--runs N] [--seed S] [--input FILE]
Throws changed inputs at every parser of outside bytes, and stops at the first that breaks something.
  --target NAME  only this parser
  --runs N       inputs for each parser (default 20000)
  --seed S       what the changes are drawn from (default 1)
  --input FILE   only this input, as an earlier run kept it (needs --target)

targets: ${TARGETS.map(({ name }) => name).join(", ")}`;

const FOUND_FOLDER = join(import.meta.dirname, "../../build/fuzz");
const PROGRESS_MS = 2_000;

const { values } = parseArgs({
  options: {
    target: { type: "string" },
    runs: { type: "string", default: "20000" },
    seed: { type: "string", default: "1" },
    input: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

function tell({ target, what, input }: Finding): number {
  const file = join(FOUND_FOLDER, `${target}-${sha256Hex(input).slice(0, 12)}`);
  mkdirSync(FOUND_FOLDER, { recursive: true });
  writeFileSync(file, input);
  console.error(`${target}: ${what}\n${toHex(input.subarray(0, 2_000))}`);
  console.error(`replay it: npm run fuzz -- --target ${target} --input ${file}\nkeep it: node/fuzz/kept.ts`);
  return 1;
}

function main(): number {
  const runs = Number(values.runs);
  const seed = Number(values.seed);
  const targets = TARGETS.filter(({ name }) => values.target === undefined || name === values.target);
  if (targets.length === 0 || !Number.isSafeInteger(runs) || runs < 1 || !Number.isSafeInteger(seed)) {
    console.error(USAGE);
    return 2;
  }
  for (const target of targets) {
    const kept = KEPT.filter((each) => each.target === target.name).map(({ hex }) => fromHex(hex) ?? new Uint8Array());
    for (const input of values.input === undefined ? kept : [new Uint8Array(readFileSync(values.input))]) {
      const finding = tryInput(target, input);
      if (finding !== undefined) return tell(finding);
    }
    if (values.input !== undefined) continue;
    const began = performance.now();
    let toldAt = began;
    const report = fuzz(target, {
      runs,
      seed,
      onProgress: (done, outcomes) => {
        if (performance.now() - toldAt < PROGRESS_MS) return;
        toldAt = performance.now();
        console.log(`  ${target.name}: ${done} of ${runs} inputs, ${outcomes} outcomes`);
      },
    });
    if (report.finding !== undefined) return tell(report.finding);
    const seconds = (performance.now() - began) / 1000;
    console.log(
      `${target.name}: ${report.runs} inputs, ${report.outcomes} outcomes, nothing broken ` +
        `(${Math.round(report.runs / seconds)}/s)`,
    );
  }
  return 0;
}

if (values.help) console.log(USAGE);
else process.exitCode = main();
