import { formatDuration, sleep } from "./duration.ts";
import type { Progress } from "./progress.ts";

/** What a look found: the thing waited for, or what is there instead. */
export type Look<T> = { readonly found: T } | { readonly instead: string };

export const found = <T>(value: T): Look<T> => ({ found: value });
export const instead = (state: string): Look<never> => ({ instead: state });

export class TimedOut extends Error {
  override readonly name = "TimedOut";
}

export type WaitOptions = {
  readonly progress: Progress;
  readonly timeoutMs: number;
  readonly everyMs?: number;
};

/**
 * Looks until the thing is there. A look that throws counts as not there yet (an API server may be away for a moment),
 * and its message is what the failure tells. The failure always tells what was seen last.
 */
export async function waitFor<T>(what: string, look: () => Promise<Look<T>>, options: WaitOptions): Promise<T> {
  const started = Date.now();
  let last = "nothing was seen yet";
  for (;;) {
    try {
      const seen = await look();
      if ("found" in seen) return seen.found;
      last = seen.instead;
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      last = `looking failed: ${error instanceof Error ? error.message : String(error)}`;
    }
    const waited = Date.now() - started;
    if (waited >= options.timeoutMs)
      throw new TimedOut(`waited ${formatDuration(waited)} for ${what}; last seen: ${last}`);
    options.progress.detail(`${what}: ${last.split("\n")[0]}`);
    await sleep(options.everyMs ?? 500);
  }
}

/** Thrown by a look when waiting longer cannot help, e.g. a rollout that ended in another state. */
export class Hopeless extends Error {
  override readonly name = "Hopeless";
}
