import { parseArgs } from "node:util";
import { accept, type Result, refuse } from "../base/result.ts";
import type { CoherenceRow } from "./coherence-row.ts";
import { COHERENCE_ROWS } from "./coherence-rows.ts";
import { loadAverage } from "./machine.ts";
import { whole } from "./options.ts";
import { type Samples, samples } from "./results.ts";

export type CoherenceOptions = {
  readonly runs: number;
  /** Each row in each round, after a third of that to warm up. */
  readonly measureMs: number;
  /** Only rows whose name contains one of these; empty: all. */
  readonly only: readonly string[];
  readonly jsonFile: string | undefined;
  readonly writeDocs: boolean;
};

export const COHERENCE_USAGE = `npm run bench -- coherence [flags]

  --runs N        rounds, each of which measures every row once (5)
  --seconds S     how long a row is measured in each round (1)
  --only TEXT     only rows whose name contains it; several separated by commas
  --json FILE     writes [{name, value, unit, better, min, max, runs, target}]
  --write-docs    puts the results into docs/benchmarks.md
`;

/** Reads the arguments behind `coherence`. */
export function parseCoherence(args: readonly string[]): Result<CoherenceOptions, "usage"> {
  const text = { type: "string" } as const;
  const options = { runs: text, seconds: text, only: text, json: text, "write-docs": { type: "boolean" } } as const;
  try {
    const { values } = parseArgs({ args: [...args], options });
    const runs = whole(values.runs ?? "5", 1, 100);
    if (runs === undefined) return refuse("usage", "--runs: 1 to 100");
    const seconds = whole(values.seconds ?? "1", 1, 600);
    if (seconds === undefined) return refuse("usage", "--seconds: 1 to 600");
    return accept({
      ...{ runs, measureMs: seconds * 1_000, only: values.only?.split(",") ?? [] },
      ...{ jsonFile: values.json, writeDocs: values["write-docs"] ?? false },
    });
  } catch (cause) {
    return refuse("usage", cause instanceof Error ? cause.message : String(cause));
  }
}

/** Measures round by round, so that what changes on this machine meanwhile meets every row alike. */
export function benchCoherence(
  { runs, measureMs, only }: Pick<CoherenceOptions, "runs" | "measureMs" | "only">,
  print: (line: string) => void,
  rows: readonly CoherenceRow[] = COHERENCE_ROWS,
): Samples {
  const wanted = rows.filter(({ name }) => only.length === 0 || only.some((text) => name.includes(text)));
  const all = samples();
  for (let round = 1; round <= runs; round++) {
    print(`round ${round} of ${runs}, load average ${loadAverage().toFixed(2)}`);
    for (const row of wanted)
      for (const { name, figure, value } of row.measure(measureMs)) all.add(name, figure, value);
  }
  return all;
}
