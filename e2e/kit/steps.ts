import { formatDuration } from "./duration.ts";
import type { Progress } from "./progress.ts";

export type StepRecord = { readonly name: string; readonly milliseconds: number };

/** Runs named steps one after the other, and keeps how long each took. */
export type Steps = {
  run<T>(name: string, what: string, body: (progress: Progress) => Promise<T>): Promise<T>;
  readonly records: readonly StepRecord[];
};

export function openSteps(progress: Progress): Steps {
  const records: StepRecord[] = [];
  return {
    records,
    run: async (name, what, body) => {
      const started = Date.now();
      const own = progress.phase(name);
      own.say(what);
      try {
        return await body(own);
      } finally {
        const milliseconds = Date.now() - started;
        records.push({ name, milliseconds });
        own.say(`${name} took ${formatDuration(milliseconds)}`);
      }
    },
  };
}
