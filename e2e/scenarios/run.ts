import { formatDuration } from "../kit/duration.ts";
import type { Progress } from "../kit/progress.ts";
import { Skipped } from "./scenario.ts";

export type Run = {
  readonly name: string;
  readonly result: "passed" | "failed" | "skipped";
  readonly milliseconds: number;
  readonly why: string;
};
export type Runs = Run[];

/** Runs one scenario to its end and notes how it went. A failure is dumped for people, and ends nothing but the scenario. */
export async function runScenario(
  name: string,
  progress: Progress,
  runs: Runs,
  body: (progress: Progress) => Promise<void>,
  onFailure: (progress: Progress) => Promise<void> = async () => {},
): Promise<boolean> {
  const own = progress.phase(name);
  const started = Date.now();
  const end = (result: Run["result"], why: string): void => {
    const run = { name, result, why, milliseconds: Date.now() - started };
    runs.push(run);
    own.say(line(run));
  };
  try {
    await body(own);
    end("passed", "");
    return true;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (error instanceof Skipped) {
      end("skipped", why);
      return true;
    }
    end("failed", why);
    await onFailure(own);
    return false;
  }
}

const WORDS = { passed: "ok", failed: "FAILED", skipped: "skipped" } as const;

const line = ({ name, result, milliseconds, why }: Run): string =>
  `${WORDS[result]} ${name} (${formatDuration(milliseconds)})${why === "" ? "" : `: ${why}`}`;

/** All results, and at the end the line that machines read. */
export function summary(runs: readonly Run[]): string {
  const count = (result: Run["result"]): number => runs.filter((run) => run.result === result).length;
  const skipped = count("skipped") === 0 ? "" : `, ${count("skipped")} skipped`;
  return [...runs.map(line), `e2e: ${count("passed")} passed, ${count("failed")} failed${skipped}`].join("\n");
}
