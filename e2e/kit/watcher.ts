import { addSample, type Disruptions, noDisruptions } from "./disruptions.ts";
import { sleep } from "./duration.ts";
import type { View } from "./view.ts";

const EVERY_MS = 400;

/** Looks at the validators' pods over and over until it is stopped, and tells what it saw. */
export type Watcher = { stop(): Promise<Disruptions & { readonly failedLooks: number }> };

/** Start it when all validators are Ready; a look that fails is counted, never taken for a good one. */
export function watchDisruptions(view: View, validators: number): Watcher {
  const abort = new AbortController();
  let seen: Disruptions = noDisruptions;
  let failedLooks = 0;
  const looking = (async () => {
    while (!abort.signal.aborted) {
      try {
        seen = addSample(seen, { atMs: Date.now(), validators, pods: await view.pods() });
      } catch {
        failedLooks += 1;
      }
      await sleep(EVERY_MS, abort.signal);
    }
  })();
  return {
    stop: async () => {
      abort.abort();
      await looking;
      return { ...seen, failedLooks };
    },
  };
}
