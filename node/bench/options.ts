import { parseArgs } from "node:util";
import { accept, type Result, refuse } from "../base/result.ts";
import { MAIN_ROW, ROWS } from "./rows.ts";

export type BenchOptions = {
  /** Whole rounds; each measures every row once. */
  readonly runs: number;
  /** What each row is measured for, after a third of that to warm up. */
  readonly measureMs: number;
  readonly accounts: number;
  /** Only rows whose name contains one of these; empty: all. */
  readonly only: readonly string[];
  /** With a million accounts, too. */
  readonly million: boolean;
  /** The row of a last round under the profiler, for CPU by stage; undefined: no such round. */
  readonly profileRow: string | undefined;
  /** Flags of Node.js for each validator. */
  readonly nodeOptions: readonly string[];
  readonly jsonFile: string | undefined;
  readonly writeDocs: boolean;
};

export const BENCH_USAGE = `npm run bench -- node [flags]

  --runs N        rounds, each of which measures every row once (5)
  --seconds S     how long a row is measured in each round (5)
  --accounts N    (100000)
  --quick         2 rounds of 2 s with 10000 accounts, without the million
  --only TEXT     only rows whose name contains it; several separated by commas
  --profile ROW   the row of an extra round that tells CPU by stage, "none" without it (${MAIN_ROW})
  --node-options FLAGS  of Node.js for each validator, as in NODE_OPTIONS
  --json FILE     writes [{name, value, unit, better, min, max, runs, target}]
  --write-docs    puts the results into docs/benchmarks.md
`;

const FULL = { runs: "5", seconds: "5", accounts: "100000" };
const QUICK = { runs: "2", seconds: "2", accounts: "10000" };

/** Reads the arguments behind `node`. */
export function parseBench(args: readonly string[]): Result<BenchOptions, "usage"> {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  let values: {
    runs?: string;
    seconds?: string;
    accounts?: string;
    only?: string;
    json?: string;
    "node-options"?: string;
    quick?: boolean;
    profile?: string;
    "write-docs"?: boolean;
  };
  try {
    const texts = {
      runs: text,
      seconds: text,
      accounts: text,
      only: text,
      json: text,
      profile: text,
      "node-options": text,
    };
    const flags = { quick: flag, "write-docs": flag };
    values = parseArgs({ args: [...args], options: { ...texts, ...flags } }).values;
  } catch (cause) {
    return refuse("usage", cause instanceof Error ? cause.message : String(cause));
  }
  const preset = values.quick ? QUICK : FULL;
  const runs = whole(values.runs ?? preset.runs, 1, 100);
  if (runs === undefined) return refuse("usage", "--runs: 1 to 100");
  const seconds = whole(values.seconds ?? preset.seconds, 1, 600);
  if (seconds === undefined) return refuse("usage", "--seconds: 1 to 600");
  const accounts = whole(values.accounts ?? preset.accounts, 640, 1_000_000);
  if (accounts === undefined) return refuse("usage", "--accounts: 640 to 1000000");
  const profileRow = values.profile ?? MAIN_ROW;
  if (profileRow !== "none" && !ROWS.some(({ name }) => name === profileRow))
    return refuse("usage", `--profile: none or one of ${ROWS.map(({ name }) => name).join(", ")}`);
  return accept({
    ...{ runs, accounts, measureMs: seconds * 1_000 },
    only: values.only?.split(",") ?? [],
    million: !values.quick,
    profileRow: profileRow === "none" ? undefined : profileRow,
    nodeOptions: values["node-options"]?.split(" ") ?? [],
    jsonFile: values.json,
    writeDocs: values["write-docs"] ?? false,
  });
}

/** A whole number within bounds, as written; undefined if it is none. */
export function whole(text: string, least: number, most: number): number | undefined {
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
  return value >= least && value <= most ? value : undefined;
}
